// Search as you type: suggestions below the box, by the pattern of a combobox with a list of its own.
// Without it the form still works: the server shows what it finds as a page.

const PAUSE = 150; // milliseconds without a key before the server is asked
const form = document.getElementById("ask");

if (form) {
  enhance(form, form.querySelector("#text"), form.querySelector("#hits"), document.getElementById("hint"));
  document.getElementById("where").addEventListener("input", ({ target }) => {
    form.elements[target.name].value = target.value; // the next question is asked as chosen now
  });
}

function enhance(form, box, list, hint) {
  let timer = 0;
  let asking = null; // the request that runs
  let active = -1; // place of the chosen suggestion

  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
  })) box.setAttribute(name, value);

  const options = () => [...list.children];

  const choose = (place) => {
    active = place;
    options().forEach((option, n) => option.setAttribute("aria-selected", String(n === place)));
    const option = options()[place];
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else box.removeAttribute("aria-activedescendant");
  };

  const open = (shown) => {
    list.hidden = !shown;
    box.setAttribute("aria-expanded", String(shown));
    if (!shown) choose(-1);
  };

  const stop = () => {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
  };

  const ask = async () => {
    const text = box.value.trim();
    stop();
    if (!text) {
      hint.textContent = "";
      return open(false);
    }
    const own = (asking = new AbortController());
    try {
      const found = await found_for(form, text, own.signal);
      if (asking !== own) return;
      list.replaceChildren(...suggestions(found, text).map(as_option));
      hint.textContent = summary(found, list.children.length);
      choose(-1);
      open(list.children.length > 0);
    } catch (error) {
      if (asking !== own) return;
      hint.textContent = error.message;
      open(false);
    }
  };

  const go = (option) => {
    stop();
    const fits = (form.elements.list.dataset.of ?? option.dataset.kind).split(" ").includes(option.dataset.kind);
    const where = [...new FormData(form)].filter(([name, value]) => value && name !== "text" && (name !== "list" || fits));
    location.assign(`${form.action}?${new URLSearchParams([[option.dataset.kind, option.dataset.id], ...where])}`);
  };

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Escape: () => (list.hidden ? (box.value = "") : open(false)),
    Enter: () => {
      stop();
      if (active < 0) return false; // the form asks for the text as it stands
      go(options()[active]);
    },
    Tab: () => {
      open(false);
      return false;
    },
  };

  const move = (by) => {
    const count = list.children.length;
    if (!count) return ask();
    if (list.hidden) open(true);
    choose(active < 0 && by < 0 ? count - 1 : (active + by + count) % count);
  };

  box.addEventListener("input", () => {
    stop();
    list.replaceChildren(); // what stands there was for another text
    open(false);
    timer = setTimeout(ask, PAUSE);
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    if (keys[event.key]() !== false) event.preventDefault();
  });
  box.addEventListener("blur", () => open(false));
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(option);
  });
  if (document.activeElement === box && box.value !== box.defaultValue) ask(); // typed before this script came
}

async function found_for(form, text, signal) {
  const where = new URLSearchParams({ text, release: new FormData(form).get("a") ?? "" });
  const answer = await fetch(`${form.action}/tracks?${where}`, { signal, headers: { Accept: "application/json" } });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  throw new Error(answer.status === 401 ? "You are logged out. Load the page again." : found.error || found.detail || "No answer.");
}

function suggestions(found, text) {
  const listener = { kind: "listener", id: text, title: `Listener ${text}`, artist: "", count: "" };
  const tracks = found.tracks.map((track) => ({
    kind: "track",
    id: track.track_id,
    title: track.title ?? `track ${track.track_id}`,
    artist: track.artist ?? "",
    count: `${track.listeners.toLocaleString("en")} ${track.listeners === 1 ? "listener" : "listeners"}`,
  }));
  if (found.listener === "unknown") listener.count = `not known to release ${found.release}`;
  return found.listener ? [listener, ...tracks] : tracks;
}

function as_option(row, place) {
  const option = document.createElement("li");
  option.id = `hit-${place}`;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  Object.assign(option.dataset, { kind: row.kind, id: row.id });
  for (const [name, text] of [["name", row.title], ["artist", row.artist], ["count", row.count]]) {
    const part = document.createElement("bdi");
    part.className = name;
    part.textContent = text;
    option.append(part, " ");
  }
  return option;
}

function summary(found, count) {
  if (!count) return `Nothing in release ${found.release} bears this name.`;
  return found.more ? `The ${count} that fit best; there are more.` : `${count} found.`;
}
