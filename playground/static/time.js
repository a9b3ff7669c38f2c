// Times as Discord writes them, and the relative ones kept up to date.

import { el } from "./dom.js";

const TIME = { hour: "numeric", minute: "2-digit" };
const DATE = { year: "numeric", month: "long", day: "numeric" };
const STYLES = {
  t: TIME,
  T: { ...TIME, second: "2-digit" },
  d: { year: "numeric", month: "2-digit", day: "2-digit" },
  D: DATE,
  f: { ...DATE, ...TIME },
  F: { weekday: "long", ...DATE, ...TIME },
};
const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

const write = (date, options) => new Intl.DateTimeFormat(undefined, options).format(date);

/** "in 5 minutes", "3 hours ago". */
export function relative(date, now = Date.now()) {
  const seconds = Math.round((date.getTime() - now) / 1000);
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(Math.trunc(seconds / length), unit);
}

/** The <time> for a `<t:unix:style>` mark. */
export function timeMark(unix, style = "f") {
  const date = new Date(unix * 1000);
  if (Number.isNaN(date.getTime())) return document.createTextNode("Invalid date");
  const text = style === "R" ? relative(date) : write(date, STYLES[style]);
  const dataset = style === "R" ? { relative: "" } : {};
  return el("time", { class: "time-mark", datetime: date.toISOString(), title: write(date, STYLES.F), dataset }, text);
}

/** "14:05" today, "Yesterday at 14:05", otherwise the date. */
export function messageTime(iso) {
  const date = new Date(iso);
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  let text = write(date, { ...STYLES.d, ...TIME });
  if (date.toDateString() === today.toDateString()) text = write(date, TIME);
  else if (date.toDateString() === yesterday.toDateString()) text = `Yesterday at ${write(date, TIME)}`;
  return el("time", { datetime: iso, title: write(date, STYLES.F) }, text);
}

export const day = (iso) => write(new Date(iso), DATE);

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-relative]")) {
    node.textContent = relative(new Date(node.dateTime));
  }
}, 1000);
