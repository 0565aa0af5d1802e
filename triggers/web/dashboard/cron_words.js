// Describes a five-field cron expression in words.

import { capital, listed, many } from "./texts.js";

/** @typedef {{ at: string, each?: undefined } | { each: string, at?: undefined }} CronTime At certain times, or at an interval. */

export const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
/** @type {Record<string, string>} */
const ORDINALS = { 1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", l: "last" };

/** @param {number | string} number */
export const two = (number) => String(number).padStart(2, "0");

/**
 * The expression in words; null if words cannot express all of it.
 * @param {string} expression
 */
export function cronInWords(expression) {
  const parts = expression.trim().toLowerCase().split(/\s+/);
  if (parts.length !== 5) return null;
  const [minute, hour, date, month, day] = parts;
  const when = cronTime(minute, hour);
  const days = weekDays(day);
  const dates = monthDays(date);
  const months = spans(month, MONTHS, 1);
  if (when === null || days === null || dates === null || months === null || (days && dates)) return null;
  const on = days || dates;
  if (months) return `${when.each ? `${when.each}, ` : ""}${capital(on || "every day")} of ${months}${when.at ?? ""}`;
  if (when.each === undefined) return capital((on || "every day") + when.at);
  return capital(when.each + (on ? `, ${on}` : ""));
}

/**
 * @param {string} minute
 * @param {string} hour
 * @returns {CronTime | null}
 */
function cronTime(minute, hour) {
  const minutes = numbers(minute);
  const hours = numbers(hour);
  if (minutes && hours && minutes.length * hours.length <= 6) {
    return { at: ` at ${listed(hours.flatMap((one) => minutes.map((other) => `${two(one)}:${two(other)}`)))}` };
  }
  const within = hour === "*" ? "" : hourSpan(hour);
  if (within === null) return null;
  if (minute === "*") return { each: `every minute${within}` };
  const step = /^(?:\*|0)\/(\d+)$/.exec(minute);
  if (step) return { each: `every ${step[1]} minutes${within}` };
  return minutes ? { each: `every hour at ${listed(minutes.map((one) => `:${two(one)}`))}${within}` } : null;
}

/** @param {string} text */
const numbers = (text) => (/^\d+(,\d+)*$/.test(text) ? text.split(",").map(Number) : null);

/** @param {string} text */
function hourSpan(text) {
  const range = /^(\d+)-(\d+)$/.exec(text);
  if (range) return ` from ${two(range[1])} to ${two(range[2])} h`;
  const step = /^\*\/(\d+)$/.exec(text);
  if (step) return ` of every ${step[1]}${["", "st", "nd", "rd"][Number(step[1])] ?? "th"} hour`;
  const some = numbers(text);
  return some ? ` in ${many(some.length, "hour")}: ${listed(some.map(two))}` : null;
}

/** @param {string} text */
function weekDays(text) {
  const nth = /^(\w+)#([1-5])$/.exec(text) ?? /^([0-7])(l)$/.exec(text);
  if (!nth) return spans(text, DAYS, 0);
  const day = named(nth[1], DAYS, 0);
  return day === undefined ? null : `the ${ORDINALS[nth[2]]} ${day} of the month`;
}

/** @param {string} text */
function monthDays(text) {
  if (text === "*") return "";
  if (text === "l") return "the last day of the month";
  if (text === "lw") return "the last weekday of the month";
  const some = numbers(text);
  return some && `${some.length > 1 ? "days" : "day"} ${listed(some)} of the month`;
}

/**
 * @param {string} text
 * @param {readonly string[]} names
 * @param {number} first The number that the first name stands for.
 */
function named(text, names, first) {
  const found = names.find((one) => one.slice(0, 3).toLowerCase() === text);
  return found ?? (/^\d+$/.test(text) ? names[(Number(text) - first) % names.length] : undefined);
}

/**
 * Expands "mon-fri,sun" to names; null if it contains anything else.
 * @param {string} text
 * @param {readonly string[]} names
 * @param {number} first
 */
function spans(text, names, first) {
  if (text === "*") return "";
  const pieces = text.split(",").map((piece) => piece.split("-").map((one) => named(one, names, first)));
  if (pieces.some((ends) => ends.includes(undefined) || ends.length > 2)) return null;
  return listed(pieces.map((ends) => ends.join(" to ")));
}
