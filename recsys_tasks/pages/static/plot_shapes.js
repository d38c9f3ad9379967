// Elements of a page and of its SVG, and the outlines of the marks.
const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

export function add(parent, ...what) {
  const made = element(...what);
  parent.append(made);
  return made;
}

export function put(parent, name, className, text = "") {
  const made = Object.assign(document.createElement(name), { className, textContent: text });
  parent.append(made);
  return made;
}

export const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
export const circle = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
export const SHAPES = {
  PASS: (x, y) => circle(x, y, 3.5),
  HOLD: (x, y) => `M${x} ${y - 6}L${x + 5.5} ${y + 4}H${x - 5.5}Z`,
  BLOCK: (x, y) => {
    const arms = [[-5, -3], [-3, -5], [0, -2], [3, -5], [5, -3], [2, 0], [5, 3], [3, 5], [0, 2], [-3, 5], [-5, 3], [-2, 0]];
    return `M${arms.map(([dx, dy]) => `${x + dx} ${y + dy}`).join("L")}Z`;
  },
  ring: (x, y) => circle(x, y, 8),
};
