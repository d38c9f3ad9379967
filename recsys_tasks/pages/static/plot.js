// Plots of figures over dates, drawn from the page's JSON block. The pointer or the arrow keys choose one date on all of
// them; its values stand above each plot. The tables in the page hold the same numbers without any script.
import { DAY, dated, instants, levels, written } from "./plot_axes.js";
import { SHAPES, add, circle, element, put, range } from "./plot_shapes.js";

const WEEK = 7; // dates that Page Up and Page Down move
const SIDES = { left: 58, right: 14, top: 20, bottom: 24 };

const data = JSON.parse(document.getElementById("plots").textContent);
const times = data.days.map((day) => Date.parse(`${day}T00:00:00Z`));
const last = times.length - 1;
const known = (value) => value !== null && value !== undefined;

// Runs of neighbouring dates that have a value: indices, first and last.
function stretches(values) {
  const found = [];
  values.forEach((value, i) => {
    if (!known(value)) return;
    const open = found.at(-1);
    if (open && open[1] === i - 1 && times[i] - times[i - 1] <= 1.5 * DAY) open[1] = i;
    else found.push([i, i]);
  });
  return found;
}

class Plot {
  constructor(figure, spec) {
    Object.assign(this, spec);
    this.place = figure.querySelector(".drawing");
    this.title = figure.querySelector("figcaption").textContent;
    this.height = figure.classList.contains("broad") ? 290 : 210;
    this.reading = put(this.place, "div", "reading");
    this.keys();
    this.slide = put(this.place, "div", "slide");
    const roles = { role: "slider", tabindex: 0, "aria-label": this.title, "aria-valuemin": 0, "aria-valuemax": last };
    for (const [name, value] of Object.entries(roles)) this.slide.setAttribute(name, value);
    this.listen();
    this.draw();
    new ResizeObserver(() => this.place.clientWidth !== this.width && this.draw()).observe(this.place);
  }

  // The line above the plot: the date, and of each series its sign, its name and its value.
  keys() {
    this.when = put(this.reading, "span", "when");
    this.values = this.lines.map((line) => {
      const item = put(this.reading, "span", "item");
      const key = add(put(item, "span", "key"), "svg", { width: 18, height: 10, "aria-hidden": true });
      if (this.stacked) add(key, "rect", { class: `area ${line.look}`, width: 14, height: 10 });
      else add(key, "path", { class: `stroke ${line.look}`, d: "M0 5H18" });
      item.append(`${line.name} `);
      return put(item, "b", "");
    });
    for (const mark of this.marks) {
      const item = put(this.reading, "span", "item none");
      const key = add(put(item, "span", "key"), "svg", { width: 18, height: 10, "aria-hidden": true });
      add(key, "path", { class: `mark ${mark.look}`, d: SHAPES[mark.look](8, 5) });
      item.append(mark.name);
    }
  }

  scales() {
    const all = this.stacked
      ? data.days.map((_, i) => this.lines.reduce((sum, line) => sum + (line.values[i] ?? 0), 0))
      : this.lines.flatMap((line) => [...line.values, ...(line.low ?? []), ...(line.high ?? [])]);
    all.push(...this.marks.flatMap((mark) => mark.values));
    const found = [...all.filter(known), ...this.bounds.map((bound) => bound.value)];
    let [low, high] = [found.reduce((a, b) => Math.min(a, b)), found.reduce((a, b) => Math.max(a, b))];
    const space = (high - low || Math.abs(high) || 1) * 0.06;
    low = this.from_zero && low >= 0 ? 0 : low - space;
    high = (this.from_zero ? Math.max(0, high) : high) + space;
    const [from, to] = [times[0] - DAY / 2, times[last] + DAY / 2];
    const [width, height] = [this.width - SIDES.left - SIDES.right, this.height - SIDES.top - SIDES.bottom];
    this.x = times.map((time) => SIDES.left + ((time - from) / (to - from)) * width);
    this.y = (value) => SIDES.top + (1 - (value - low) / (high - low)) * height;
    this.thick = Math.max(1, Math.min(28, (0.8 * width * DAY) / (to - from)));
    this.at = (time) => SIDES.left + ((time - from) / (to - from)) * width;
    return [low, high];
  }

  draw() {
    this.width = Math.max(260, this.place.clientWidth);
    const [low, high] = this.scales();
    this.svg = element("svg", { viewBox: `0 0 ${this.width} ${this.height}`, "aria-hidden": true });
    this.axes(low, high);
    if (this.stacked) this.bars();
    else this.curves();
    this.boundLines();
    this.signs();
    this.cursor = add(this.svg, "path", { class: "cursor" });
    this.slide.replaceChildren(this.svg);
    this.point(chosen);
  }

  axes(low, high) {
    const [right, bottom] = [this.width - SIDES.right, this.height - SIDES.bottom];
    add(this.svg, "text", { x: 0, y: 10 }, this.unit);
    for (const [value, text] of levels(low, high, this.height / 55)) {
      const y = Math.round(this.y(value)) + 0.5;
      add(this.svg, "path", { class: "grid", d: `M${SIDES.left} ${y}H${right}` });
      add(this.svg, "text", { x: SIDES.left - 8, y: y + 4, "text-anchor": "end" }, text);
    }
    add(this.svg, "path", { class: "base", d: `M${SIDES.left} ${bottom + 0.5}H${right}` });
    for (const [time, text] of instants(times[0], times[last], Math.max(2, this.width / 110))) {
      const x = Math.round(this.at(time)) + 0.5;
      add(this.svg, "path", { class: "base", d: `M${x} ${bottom}v5` });
      const anchor = x < SIDES.left + 34 && last ? "start" : x > right - 30 && last ? "end" : "middle";
      add(this.svg, "text", { x: anchor === "start" ? x - 3 : x, y: bottom + 18, "text-anchor": anchor }, text);
    }
  }

  bars() {
    const base = data.days.map(() => 0);
    for (const line of this.lines) {
      let path = "";
      line.values.forEach((value, i) => {
        if (!value) return;
        const [bottom, top] = [this.y(base[i]), this.y(base[i] + value)];
        path += `M${(this.x[i] - this.thick / 2).toFixed(1)} ${bottom.toFixed(1)}V${top.toFixed(1)}h${this.thick.toFixed(1)}V${bottom.toFixed(1)}Z`;
        base[i] += value;
      });
      add(this.svg, "path", { class: `area ${line.look}`, d: path });
    }
  }

  curves() {
    const at = (i, value) => `${this.x[i].toFixed(1)} ${this.y(value).toFixed(1)}`;
    for (const line of this.lines.filter((each) => each.low)) {
      const band = stretches(line.low).map(([a, b]) => {
        if (a === b) return `M${at(a, line.low[a])}m-3 0h6V${this.y(line.high[a]).toFixed(1)}h-6Z`;
        const there = range(a, b).map((i) => at(i, line.high[i]));
        return `M${[...there, ...range(a, b).reverse().map((i) => at(i, line.low[i]))].join("L")}Z`;
      });
      add(this.svg, "path", { class: `band ${line.look}`, d: band.join("") });
    }
    for (const line of [...this.lines].reverse()) {
      const found = stretches(line.values);
      const path = found.map(([a, b]) => `M${range(a, b).map((i) => at(i, line.values[i])).join("L")}`);
      add(this.svg, "path", { class: `stroke ${line.look}`, d: path.join("") });
      const alone = this.few ? range(0, last) : found.filter(([a, b]) => a === b).map(([a]) => a);
      const dots = alone.filter((i) => known(line.values[i])).map((i) => circle(this.x[i], this.y(line.values[i]), 3));
      add(this.svg, "path", { class: `dot ${line.look}`, d: dots.join("") });
    }
  }

  boundLines() {
    for (const { name, value } of this.bounds) {
      const y = Math.round(this.y(value)) + 0.5;
      add(this.svg, "path", { class: "bound", d: `M${SIDES.left} ${y}H${this.width - SIDES.right}` });
      const above = y > this.height - SIDES.bottom - 16 || y > SIDES.top + 16;
      const place = { class: "bound-name", x: this.width - SIDES.right, y: above ? y - 5 : y + 14, "text-anchor": "end" };
      add(this.svg, "text", place, name);
    }
  }

  signs() {
    const foot = this.height - SIDES.bottom;
    for (const { look, points, values } of this.marks) {
      const path = points.map((i, n) => SHAPES[look](this.x[i], known(values[n]) ? this.y(values[n]) : foot));
      add(this.svg, "path", { class: `mark ${look}`, d: path.join("") });
    }
  }

  listen() {
    const nearest = (event) => {
      const x = ((event.clientX - this.svg.getBoundingClientRect().left) / this.svg.clientWidth) * this.width;
      return this.x.reduce((best, each, i) => (Math.abs(each - x) < Math.abs(this.x[best] - x) ? i : best), 0);
    };
    for (const name of ["pointermove", "pointerdown"]) this.slide.addEventListener(name, (event) => choose(nearest(event)));
    this.slide.addEventListener("pointerleave", () => choose(null));
    this.slide.addEventListener("focus", () => choose(chosen ?? last));
    this.slide.addEventListener("blur", () => choose(null));
    this.slide.addEventListener("keydown", (event) => {
      const now = chosen ?? last;
      const moves = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1 };
      const jumps = { Home: 0, End: last, PageUp: now + WEEK, PageDown: now - WEEK, Escape: null };
      const to = { ...moves, ...jumps }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(to === null ? null : Math.max(0, Math.min(last, to)));
    });
  }

  // Show the values of a date; of the newest where none is chosen.
  point(index) {
    const i = index ?? last;
    const texts = this.lines.map((line) => {
      const value = line.values[i];
      if (!known(value)) return "–";
      const interval = line.low && known(line.low[i]);
      const between = interval ? ` (${written(line.low[i], this.digits)} to ${written(line.high[i], this.digits)})` : "";
      return written(value, this.digits) + between;
    });
    const came = [data.outcomes[i], data.also[i], data.releases[i] && `release ${data.releases[i]}`].filter(Boolean).join(", ");
    this.when.textContent = this.judged ? `${dated(times[i])}: ${came}` : dated(times[i]);
    texts.forEach((text, n) => (this.values[n].textContent = text));
    this.cursor.setAttribute("d", index === null ? "" : `M${this.x[i].toFixed(1)} ${SIDES.top}V${this.height - SIDES.bottom}`);
    const read = this.lines.map((line, n) => `${line.name} ${texts[n]}`).join(", ");
    this.slide.setAttribute("aria-valuenow", i);
    this.slide.setAttribute("aria-valuetext", `${this.when.textContent}: ${read} ${this.unit}`);
  }
}

let chosen = null; // index of a date; null: nobody points at one
const plots = [];
function choose(index) {
  const focused = document.activeElement?.getAttribute("role") === "slider";
  const to = index === null && focused && chosen !== null ? chosen : index;
  if (to === chosen) return;
  chosen = to;
  for (const plot of plots) plot.point(chosen);
}
for (const spec of data.plots) plots.push(new Plot(document.querySelector(`[data-plot="${spec.name}"]`), spec));
