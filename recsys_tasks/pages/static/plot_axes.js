// What stands along the axes of a plot: round values and dates, and how both are written.
export const DAY = 86_400_000; // milliseconds
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export const written = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function dated(time, withYear = true) {
  const day = new Date(time);
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}${withYear ? ` ${day.getUTCFullYear()}` : ""}`;
}

// Round values between two, about so many.
export function levels(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) * power;
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) found.push(n * step + 0); // never −0
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (`${step / power}`.includes(".") ? 1 : 0));
  return found.map((value) => [value, written(value, Math.min(digits, 6))]);
}

// Dates of the lower axis: every so many days, or firsts of months where that says more.
export function instants(from, to, wanted) {
  const days = [1, 2, 7, 14].find((step) => (to - from) / DAY / step <= wanted);
  if (days) {
    const count = Math.floor((to - from) / DAY / days) + 1;
    return Array.from({ length: count }, (_, n) => [from + n * days * DAY, dated(from + n * days * DAY, n === 0)]);
  }
  const months = (to - from) / DAY / 30.4;
  const step = [1, 2, 3, 6].find((each) => months / each <= wanted) ?? 12 * Math.ceil(months / 12 / wanted);
  const start = new Date(from);
  const found = [];
  for (let month = start.getUTCMonth() + 1; ; month += 1) {
    const time = Date.UTC(start.getUTCFullYear(), month, 1);
    if (time > to) return found;
    const at = new Date(time);
    if (step >= 12 ? at.getUTCMonth() : at.getUTCMonth() % step) continue;
    const year = found.length === 0 || at.getUTCMonth() === 0 ? ` ${at.getUTCFullYear()}` : "";
    found.push([time, `${MONTHS[at.getUTCMonth()]}${year}`]);
  }
}
