// The buttons for those who may act, and the dialog in which they say why. The server asks again who they are.
import { startBackfill } from "./backfill.js";
import { dialog } from "./dialog.js";
import { button, home, line, say, send } from "./server.js";

const by = (id) => document.getElementById(id);
const row = by("acts");
const cells = document.querySelectorAll(".acts");
const STANDS = { judge_again: "with the verdict", erase: "with the request", exclude: "with the request" };
let asked = null; // the act that the dialog is about
let stands = null; // what is live, and what this person may do

const open = dialog("act", async () => {
  const why = line(by("act-why").value);
  if (!why) throw new Error("Say why: the reason stands in the log for those who come after you.");
  by("act-do").textContent = "Working …";
  try {
    const { page } = await send(`${home}acts/${asked.name}`, { ...asked.body, seen: stands.entry, why });
    location.assign(page); // where the outcome will stand: a run of Airflow does it
  } finally {
    by("act-do").textContent = asked.button;
  }
});

function show(act) {
  asked = act;
  by("act-title").textContent = act.title;
  by("act-do").textContent = act.button;
  by("act-sign").textContent =
    `Stands ${STANDS[act.name] || "in the release log"} with your name, ${stands.user}. A run of Airflow does it, within some seconds.`;
  by("act-text").replaceChildren(
    ...act.text.map((words) => Object.assign(document.createElement("li"), { textContent: words })),
  );
}

function begin(act, releases = []) {
  by("act-why").value = "";
  by("act-which").hidden = releases.length < 2;
  by("act-release").replaceChildren(
    ...releases.map((each) => new Option(`release ${each.release}, data of ${each.day}`, each.release)),
  );
  show(act);
  open();
}

const PINNED = "It is pinned: scheduled runs publish nothing until you unpin.";
const called = (each) => `release ${each.release} (data of ${each.day})`;

const rollBack = (to) => ({
  name: "rollback",
  body: { release: to.release },
  title: `Roll back to release ${to.release}?`,
  button: "Roll back",
  text: [
    `Readers get ${called(to)} instead of ${called(stands.live)}.`,
    PINNED,
    "Nothing is deleted: you can come back.",
  ],
});
const pin = () => ({
  name: "pin",
  body: {},
  title: `Pin release ${stands.live.release}?`,
  button: "Pin",
  text: [
    `Readers keep ${called(stands.live)}.`,
    "Scheduled runs publish nothing until you unpin: what is live grows old.",
  ],
});
const unpin = () => ({
  name: "unpin",
  body: {},
  title: `Lift the pin from release ${stands.live.release}?`,
  button: "Unpin",
  text: [
    `Readers keep ${called(stands.live)} for now.`,
    "The next run whose candidate passes the gate publishes again.",
    "Candidates that were kept while the pin held do not go live by this.",
  ],
});

function release(candidate, day) {
  const older = Boolean(stands.live) && day < stands.live.day;
  const what = `The candidate ${candidate.slice(0, 12)} (data of ${day})`;
  const text = [`${what} goes live on your word, although the gate said no.`];
  if (older) text.push(`Its data are older than those of ${called(stands.live)}, which it replaces.`, PINNED);
  if (stands.live?.pinned) text.push("A pin holds: lift it first, or this is refused.");
  text.push("It is finished and checked first, which may take some minutes. An exact check that fails refuses it.");
  return { name: "release", body: { candidate, older }, title: "Release this candidate?", button: "Release", text };
}

const judgeAgain = (day) => ({
  name: "judge_again",
  body: { day },
  title: `Judge ${day} again?`,
  button: "Judge again",
  text: [
    "The same figures are judged by the policy that is configured now. Nothing goes live by this.",
    "The verdict that there is stays readable beside the new one. The same policy as before is refused.",
  ],
});

const BY_THE_NEXT_RUN = "The next run does it: partitions, releases and reports are rewritten, and every file is searched.";
const erase = (listener) => ({
  name: "erase",
  body: { listener },
  title: "Erase this listener?",
  button: "Erase",
  text: [
    `Nothing of listener ${listener} is kept, and their streams never count again.`,
    BY_THE_NEXT_RUN,
    "This cannot be undone: what is removed is in no rollback.",
    "Do not write in the reason who they are.",
  ],
});
const exclude = (listener) => ({
  name: "exclude",
  body: { listener },
  title: "Exclude this account?",
  button: "Exclude",
  text: [`${listener} is no listener but a bot or a test account: its streams never count.`, BY_THE_NEXT_RUN],
});

function fillRow() {
  const { live, others, may_act: may, may_backfill: again } = stands;
  if (may && live) {
    if (others.length) row.append(button("Roll back …", () => begin(rollBack(others[0]), others)));
    row.append(live.pinned ? button("Unpin …", () => begin(unpin()), "main") : button("Pin …", () => begin(pin())));
  }
  if (again) row.append(button("Run dates again …", startBackfill));
}

function fillCell(cell) {
  const { release: number, candidate, day, listener } = cell.dataset;
  if (listener) {
    cell.append(button("Erase …", () => begin(erase(listener))), button("Exclude …", () => begin(exclude(listener))));
  }
  const to = stands.others.find((each) => String(each.release) === number);
  if (to) cell.append(button(`Roll back to ${number} …`, () => begin(rollBack(to))));
  if (candidate) {
    const made = button("Release …", () => begin(release(candidate, day)));
    made.setAttribute("aria-label", `Release the candidate ${candidate.slice(0, 12)} of ${day}`);
    cell.append(made);
  }
  if (candidate && cell.dataset.newest) {
    const again = button("Judge again …", () => begin(judgeAgain(day)));
    again.setAttribute("aria-label", `Judge the candidate of ${day} again by the policy of now`);
    cell.append(again);
  }
}

by("act-release").addEventListener("change", (event) =>
  show(rollBack(stands.others.find((each) => String(each.release) === event.target.value))),
);
if (row || cells.length) {
  try {
    stands = await send(`${home}acts`);
    if (row) fillRow();
    if (stands.may_act) cells.forEach(fillCell);
  } catch (error) {
    say(error.message);
  }
}
