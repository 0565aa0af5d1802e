// Describes a schedule's trigger in words; a cron expression without words is shown as it is.

import { cronInWords, two } from "./cron_words.js";
import { capital, listed } from "./texts.js";

/**
 * @typedef {object} Recurrence
 * @property {string} frequency
 * @property {number} interval
 * @property {string} [time_zone]
 * @property {string} [time_of_day]
 * @property {number[]} [hours]
 * @property {number[]} [minutes]
 * @property {string[]} [week_days]
 * @property {(number | "last")[]} [month_days]
 */
/** @typedef {{ expression: string | string[], time_zone?: string }} Cron */
/**
 * @typedef {object} Watched
 * @property {string} container
 * @property {string} [path_on_datastore]
 * @property {boolean} [recursive]
 * @property {string[]} [include]
 */
/**
 * @typedef {object} Exclusion
 * @property {string[]} [dates]
 * @property {string[]} [week_days]
 * @property {string} [holidays]
 * @property {"none" | "before" | "after"} [move]
 */
/** @typedef {{ schedule: string | string[], states?: string[] }} After */
/**
 * A trigger as written in the file.
 * @typedef {{ recurrence?: Recurrence, cron?: Cron, change?: Watched, manual?: {}, after?: After, exclude?: Exclusion }} Trigger
 */

/** @param {{ trigger: Trigger }} schedule */
export function inWords({ trigger: { recurrence, cron, change, manual, after, exclude } }) {
  if (after) return afterInWords(after);
  if (manual) return "Only manually or by a program";
  if (change) return changeInWords(change);
  const but = exclude ? exclusionInWords(exclude) : "";
  if (recurrence) return recurrenceInWords(recurrence) + but + inZone(recurrence.time_zone);
  const lines = [cron?.expression ?? []].flat().map((line) => cronInWords(line) || `Cron ${line}`);
  return lines.join("; ") + but + inZone(cron?.time_zone);
}

/** @param {After} after */
function afterInWords({ schedule, states = ["finished"] }) {
  return `After ${listed([schedule].flat(), "or")} ${listed(states, "or")}`;
}

/** @param {Exclusion} exclude */
function exclusionInWords({ dates = [], week_days: weekDays = [], holidays, move = "none" }) {
  const listedDates = dates.length > 3 ? [`${dates.length} dates`] : dates;
  const days = [...weekDays.map(capital), ...(holidays ? [`holidays (${holidays})`] : []), ...listedDates];
  const instead = { none: "", before: " but on the day before", after: " but on the day after" };
  return `, not on ${listed(days, "or")}${instead[move]}`;
}

/** @param {string | undefined} zone */
const inZone = (zone) => `, ${zone || "UTC"}`;

/** @param {Watched} change */
function changeInWords(change) {
  const include = (change.include ?? []).filter((one) => one !== "**");
  const what = include.length ? `A file like ${listed(include, "or")}` : "A file";
  const place = [change.container, change.path_on_datastore].filter(Boolean).join("/");
  return `${what} is added or changed in ${place}${change.recursive ? " or below" : ""}`;
}

/** @param {Recurrence} recurrence */
function recurrenceInWords(recurrence) {
  const { frequency, interval, week_days: weekDays, month_days: monthDays } = recurrence;
  const unit = String(frequency).toLowerCase();
  const every = Number(interval) === 1 ? `Every ${unit}` : `Every ${interval} ${unit}s`;
  const days = weekDays?.length ? ` on ${listed(weekDays.map(capital))}` : "";
  const dates = monthDays?.length ? ` on ${listed(monthDays.map(dateInWords))}` : "";
  return every + days + dates + clockTimes(recurrence);
}

/** @param {number | "last"} day */
const dateInWords = (day) => (day === "last" ? "the last day" : `day ${day}`);

/** @param {Recurrence} recurrence */
function clockTimes({ time_of_day: timeOfDay, hours, minutes }) {
  if (timeOfDay) return ` at ${timeOfDay}`;
  if (!hours && !minutes) return "";
  const times = (hours ?? [0]).flatMap((hour) => (minutes ?? [0]).map((minute) => `${two(hour)}:${two(minute)}`));
  return times.length > 6 ? ` at ${times[0]} and ${times.length - 1} more times` : ` at ${listed(times)}`;
}
