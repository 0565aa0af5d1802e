// Formats times and spans: in the viewer's zone, with UTC in the title.

import { h, say } from "./elements.js";
import { many } from "./texts.js";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAYLONG = 24 * HOUR;
export const LAST_MINUTE = "9999-12-31T23:59"; // without a maximum, input fields accept six-digit years

export const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
export const SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });

/**
 * The time of day, with the date unless it is today.
 * @param {string | number} at
 */
export const local = (at) => localTime(at, CLOCK);

/**
 * Like `local`, with seconds.
 * @param {string | number} at
 */
export const localWithSeconds = (at) => localTime(at, SECONDS);

/**
 * @param {string | number} at
 * @param {Intl.DateTimeFormat} format
 */
function localTime(at, format) {
  const then = new Date(at);
  const now = new Date();
  if (Number.isNaN(then.getTime())) return String(at);
  const clock = format.format(then);
  if (then.toDateString() === now.toDateString()) return clock;
  const isFar = Math.abs(then.getTime() - now.getTime()) > 300 * DAYLONG;
  return `${(isFar ? YEAR : DAY).format(then).replace(",", "")}, ${clock}`;
}

/**
 * "5 min", "2 h 10 min".
 * @param {number} milliseconds
 */
export function span(milliseconds) {
  const total = Math.max(0, Math.round(milliseconds / 1000));
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min`;
  if (total >= 86400) return many(Math.floor(total / 86400), "day");
  const minutes = Math.floor((total % 3600) / 60);
  return `${Math.floor(total / 3600)} h${total < 36000 && minutes > 0 ? ` ${minutes} min` : ""}`;
}

/**
 * "in 5 min", "5 min ago".
 * @param {string} at
 */
export function relative(at) {
  const away = Date.parse(at) - Date.now();
  if (Number.isNaN(away)) return "at an unknown time";
  if (Math.abs(away) < 5000) return "now";
  return away > 0 ? `in ${span(away)}` : `${span(-away)} ago`;
}

/**
 * A <time> element; `tick` updates relative ones.
 * @param {string} at
 * @param {(at: string) => string} [how]
 */
export function time(at, how = local) {
  const node = h("time", { datetime: at, title: inBothZones(at) }, how(at));
  if (how === relative) node.dataset.relative = at;
  return node;
}

/** @param {string} at */
const inBothZones = (at) => `${localWithSeconds(at)} here, ${at.replace("T", " ").replace("Z", "")} UTC`;

/**
 * Changes the time of a <time> element.
 * @param {HTMLTimeElement} node
 * @param {string} at
 */
export function setTime(node, at) {
  if (node.dateTime !== at) {
    node.dateTime = at;
    node.title = inBothZones(at);
  }
  say(node, local(at));
}

/** Updates the relative times. */
export function tick() {
  const nodes = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-relative]"));
  for (const node of nodes) say(node, relative(node.dataset.relative ?? ""));
}
