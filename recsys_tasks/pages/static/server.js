// Asking the server, and its refusals in words. Whatever it says is shown as text, never as HTML.
export const home = document.body.dataset.home;
export const airflow = document.body.dataset.airflow;

const WORDS = {
  401: "Your session has ended. Sign in to Airflow again, then come back to this page.",
  403: "You may look at this, but not act: that takes the right to edit the DAG.",
  413: "That is too long. Say it shorter.",
};

// The answer as an object; an Error with words to show where it was refused or did not come.
export async function send(address, body) {
  const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", headers, ...sent });
  } catch {
    throw new Error("The server did not answer. Look at this page again before you try once more.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Error(WORDS[response.status] || wordsOf(answer.detail) || `The server said ${response.status}.`);
}

function wordsOf(detail) {
  if (Array.isArray(detail)) return detail.map((each) => each.msg || String(each)).join("; ");
  return typeof detail === "string" ? detail : detail && (detail.reason || JSON.stringify(detail));
}

// Said to everybody, screen readers too, and gone after a while.
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  setTimeout(() => place.textContent === text && (place.textContent = ""), 20000);
}

// A reason in one line, as the log keeps it.
export const line = (text) => text.replace(/\s+/g, " ").trim();

// A button that opens something.
export function button(text, opens, kind = "") {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: text, className: kind });
  made.addEventListener("click", opens);
  return made;
}
