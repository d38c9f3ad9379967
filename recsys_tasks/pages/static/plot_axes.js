// What stands along the axes of a plot: round values and dates, and how both are written.
export const DAY = 86_400_000; // milliseconds

export const written = (value, digits) =>
  (Number(value.toFixed(digits)) + 0) // never −0
    .toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const dated = (time) => new Date(time).toISOString().slice(0, 10);

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
    const times = Array.from({ length: count }, (_, n) => from + n * days * DAY);
    const year = (time) => dated(time).slice(0, 4);
    return times.map((time, n) => [time, dated(time).slice(n && year(times[n - 1]) === year(time) ? 5 : 0)]);
  }
  const months = (to - from) / DAY / 30.4;
  const step = [1, 2, 3, 6].find((each) => months / each <= wanted) ?? 12 * Math.ceil(months / 12 / wanted);
  const start = new Date(from);
  const found = [];
  for (let month = start.getUTCMonth() + 1; ; month += 1) {
    const time = Date.UTC(start.getUTCFullYear(), month, 1);
    if (time > to) return found;
    const at = new Date(time);
    const since = 12 * (at.getUTCFullYear() - start.getUTCFullYear()) + at.getUTCMonth();
    if (since % step) continue;
    found.push([time, dated(time).slice(0, 7)]);
  }
}
