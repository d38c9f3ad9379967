// The colours follow Airflow's own switch: the frame around us says which ones are on, and when that changes.
"use strict";
(() => {
  const own = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let frame = null;
  try {
    frame = window.parent !== window ? window.parent.document.documentElement : null;
  } catch {
    frame = null; // a frame of another origin keeps its colours to itself
  }
  const show = () => {
    const chosen = frame && ["dark", "light"].find((name) => frame.classList.contains(name));
    own.dataset.theme = chosen || (system.matches ? "dark" : "light");
  };
  show();
  system.addEventListener("change", show);
  if (frame) new MutationObserver(show).observe(frame, { attributes: true, attributeFilter: ["class"] });
})();
