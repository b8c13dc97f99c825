// Times as people read them, and the one clock that makes relative times tick. Owns the page's
// only repeating timer; knows nothing of messages.

import { el } from "./dom.js";

const EPOCH = 1420070400000n; // Discord's first second: ids carry the milliseconds since then

export function timeOfId(id) {
  return new Date(Number((BigInt(id) >> 22n) + EPOCH));
}

export function compareIds(a, b) {
  const [x, y] = [String(a), String(b)];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const STYLES = {
  t: format({ timeStyle: "short" }),
  T: format({ timeStyle: "medium" }),
  d: format({ dateStyle: "short" }),
  D: format({ dateStyle: "long" }),
  f: format({ dateStyle: "long", timeStyle: "short" }),
  F: format({ dateStyle: "full", timeStyle: "short" }),
};
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function relative(date, now = new Date()) {
  const seconds = Math.round((date - now) / 1000);
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length || unit === "second") return RELATIVE.format(Math.trunc(seconds / length), unit);
  }
  return "";
}

const dayOf = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** "Today at 14:03", "Yesterday at 9:12", "17/07/2026 14:03". */
export function stamp(date, now = new Date()) {
  const days = Math.round((dayOf(now) - dayOf(date)) / 86400000);
  if (days === 0) return `Today at ${STYLES.t.format(date)}`;
  if (days === 1) return `Yesterday at ${STYLES.t.format(date)}`;
  return `${STYLES.d.format(date)} ${STYLES.t.format(date)}`;
}

export const clockTime = (date) => STYLES.t.format(date);
export const longDate = (date) => STYLES.D.format(date);
export const fullDate = (date) => STYLES.F.format(date);
export const sameDay = (a, b) => dayOf(a).getTime() === dayOf(b).getTime();

/** Discord's `<t:UNIX:STYLE>`; style R is drawn again every second while it is on the page. */
export function timestamp(unix, style = "f") {
  const date = new Date(unix * 1000);
  const known = style === "R" || style in STYLES ? style : "f";
  const text = known === "R" ? relative(date) : STYLES[known].format(date);
  return el("time", {
    class: "timestamp", datetime: date.toISOString(), title: fullDate(date), text,
    "data-ticks": known === "R" ? String(unix) : null,
  });
}

const watchers = new Set();

/** Calls `fn` every second; returns how to stop. */
export function everySecond(fn) {
  watchers.add(fn);
  return () => watchers.delete(fn);
}

setInterval(() => {
  if (document.hidden) return;
  for (const node of document.querySelectorAll("time[data-ticks]")) {
    const text = relative(new Date(Number(node.dataset.ticks) * 1000));
    if (node.textContent !== text) node.textContent = text;
  }
  for (const fn of watchers) fn();
}, 1000);

export function duration(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  if (size < 1048576) return `${(size / 1024).toFixed(1)} KiB`;
  return `${(size / 1048576).toFixed(2)} MiB`;
}
