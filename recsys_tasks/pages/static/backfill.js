// Dates run again: asked of Airflow's own API as the signed-in person, after its dry run has listed them.
import { dialog } from "./dialog.js";
import { airflow, line, send } from "./server.js";

const DAG = document.body.dataset.dag;
const SHOWN = 14; // dates listed before the rest is counted
const by = (id) => document.getElementById(id);
const inputs = document.querySelectorAll("#backfill input, #backfill select, #backfill textarea");
let step = null; // what the main button does next

const open = dialog("backfill", () => step());

function wanted() {
  const why = line(by("backfill-why").value);
  if (!why) throw new Error("Say why: the reason stands on each run for those who come after you.");
  if (by("backfill-from").value > by("backfill-to").value) throw new Error("The first date lies after the last one.");
  return {
    dag_id: DAG,
    from_date: `${by("backfill-from").value}T00:00:00Z`,
    to_date: `${by("backfill-to").value}T00:00:00Z`,
    run_backwards: false,
    max_active_runs: 1, // a later date folds onto an earlier one
    reprocess_behavior: by("backfill-which").value,
    dag_run_conf: { why, ...(by("backfill-through").checked && { rebuild_through: true }) },
  };
}

function sentence(...parts) {
  const paragraph = document.createElement("p");
  paragraph.append(...parts);
  return paragraph;
}

async function look() {
  const body = wanted();
  const { backfills } = await send(`${airflow}api/v2/backfills/dry_run`, body);
  if (!backfills.length) throw new Error("No date of these would run: they have runs already, or are not over yet.");
  const { is_paused: paused, timetable_summary: schedule } = await send(`${airflow}api/v2/dags/${DAG}`);
  const timeZone = schedule?.match(/^daily, (\S+)/)?.[1] ?? "UTC"; // as the schedule names it: recsys_timetable.py
  const local = new Intl.DateTimeFormat("sv-SE", { timeZone }); // YYYY-MM-DD
  const days = backfills.map((each) => local.format(new Date(each.logical_date)));
  const more = days.length > SHOWN ? ` and ${days.length - SHOWN} more` : "";
  const runs = days.length === 1 ? "1 run" : `${days.length} runs`;
  by("backfill-plan").replaceChildren(sentence(`${runs}: ${days.slice(0, SHOWN).join(", ")}${more}.`));
  if (paused) by("backfill-plan").append(sentence("The DAG is paused: they wait until somebody unpauses it."));
  next(`Start ${runs}`, () => start(body, runs));
}

async function start(body, runs) {
  const made = await send(`${airflow}api/v2/backfills`, body);
  const link = Object.assign(document.createElement("a"), {
    href: `${airflow}dags/${DAG}/backfills`,
    className: "host",
    textContent: "Watch it in Airflow",
  });
  by("backfill-plan").replaceChildren(sentence(`Backfill ${made.id} has begun: ${runs}. `, link));
  by("backfill").querySelector(".cancel").textContent = "Close";
  by("backfill-do").hidden = true;
  link.focus();
}

function next(text, does) {
  by("backfill-do").textContent = text;
  step = does;
}

function again() {
  by("backfill-plan").replaceChildren();
  by("backfill-do").hidden = false;
  by("backfill").querySelector(".cancel").textContent = "Cancel";
  next("See which would run", look);
}

inputs.forEach((input) => input.addEventListener("input", again));
by("backfill-from").addEventListener("change", () => (by("backfill-to").value ||= by("backfill-from").value));

export function startBackfill() {
  const yesterday = new Date(Date.now() - 86400000).toISOString().slice(0, 10);
  by("backfill-from").max = by("backfill-to").max = yesterday;
  by("backfill-why").value = "";
  again();
  open();
}
