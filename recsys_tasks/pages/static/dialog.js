// What both dialogs share: Escape and Cancel close, a refusal is shown inside, nothing is sent twice.
import { say } from "./server.js";

// Wire a dialog; `submit` may throw an Error whose words are shown. Returns the function that opens it.
export function dialog(id, submit) {
  const own = document.getElementById(id);
  const main = own.querySelector("button.main");
  const cancel = own.querySelector(".cancel");
  const refused = own.querySelector(".refused");
  const busy = (is) => {
    own.setAttribute("aria-busy", is);
    main.disabled = cancel.disabled = is; // what was sent cannot be called back
  };
  cancel.addEventListener("click", () => own.close());
  own.addEventListener("cancel", (event) => main.disabled && event.preventDefault());
  own.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    busy(true);
    refused.textContent = "";
    try {
      await submit();
    } catch (error) {
      refused.textContent = error.message;
      if (!own.open) say(error.message);
    } finally {
      busy(false);
      if (own.open && !own.contains(document.activeElement)) main.focus(); // a disabled button loses it
    }
  });
  return () => {
    refused.textContent = "";
    own.showModal(); // the browser gives the focus back to the button when it closes
  };
}
