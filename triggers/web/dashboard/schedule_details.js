// The details of a schedule: its next occurrences, what it starts, and its buttons.

import { DAYS } from "./cron_words.js";
import { h } from "./elements.js";
import { askWhy, WHY } from "./explain_dialog.js";
import { filterRuns } from "./run_list.js";
import { askBackfill, askPause, askResume } from "./schedule_dialogs.js";
import { CLOCK, time } from "./times.js";
import { askTrigger } from "./trigger_dialog.js";
import { inWords } from "./trigger_words.js";

/** @import { NextAnswer, ScheduleAnswer } from "./api_types.js" */

/** @type {Record<string, string>} */
const CLOCK_CHANGES = {
  gap: "The clocks skip this time: it runs when the gap ends",
  fold: "The clocks show this time twice: it runs the first time",
};

/** @param {ScheduleAnswer} plan */
export const planDetails = (plan) => [buttons(plan), whenItRuns(plan), whatItIs(plan)];

/** @param {ScheduleAnswer} plan */
function buttons(plan) {
  const { name, kind, paused } = plan;
  const trigger = { class: "main", "data-f": "trigger", onclick: () => askTrigger(name) };
  const pause = { "data-f": "pause", onclick: () => (paused ? askResume(name) : askPause(name)) };
  const backfill = { "data-f": "backfill", onclick: () => askBackfill(name) };
  const runs = { class: "plain", "data-f": "runs", onclick: () => filterRuns({ schedule: name }) };
  return h(
    "div",
    { class: "acts" },
    h("button", trigger, "Trigger now"),
    kind !== "manual" && h("button", pause, paused ? "Resume" : "Pause"),
    kind !== "manual" && kind !== "after" && h("button", backfill, "Backfill"),
    WHY[kind] && h("button", { class: "plain", "data-f": "why", onclick: () => askWhy(plan) }, WHY[kind]),
    h("button", runs, "Its runs"),
  );
}

/** @param {ScheduleAnswer} plan */
function whenItRuns(plan) {
  if (plan.kind !== "time") {
    return h("div", null, h("h3", null, plan.kind === "change" ? "Watches" : "Starts"), h("p", null, inWords(plan)));
  }
  const zone = plan.trigger.recurrence?.time_zone ?? plan.trigger.cron?.time_zone ?? "UTC";
  const none = !plan.next.length && h("li", { class: "soft" }, "None left");
  const times = plan.next.map((one) => occurrence(one, zone));
  return h("div", null, h("h3", null, "Next occurrences"), h("ol", { class: "times" }, times, none));
}

/**
 * @param {NextAnswer} next
 * @param {string} zone The schedule's zone.
 */
function occurrence(next, zone) {
  const { nominal_time: at, local_time: there, clock_change: change, moved_from: moved } = next;
  const clock = there.slice(11, 16);
  const isOther = clock !== CLOCK.format(new Date(at));
  return h(
    "li",
    null,
    time(at),
    " ",
    isOther && h("span", { class: "soft small" }, `${dayThere(next)}${clock} ${zone}`),
    moved && h("span", { class: "shift" }, "↷ Moved from ", time(moved)),
    change && h("span", { class: "shift" }, `↷ ${CLOCK_CHANGES[change] ?? change}`),
  );
}

/**
 * The weekday in the schedule's zone, if it differs from the viewer's.
 * @param {NextAnswer} next
 */
function dayThere({ nominal_time: at, local_time: local }) {
  const there = new Date(`${local.slice(0, 10)}T12:00:00`); // noon of that date in the viewer's zone
  return there.toDateString() === new Date(at).toDateString() ? "" : `${DAYS[there.getDay()].slice(0, 3)} `;
}

/** @param {ScheduleAnswer} plan */
function whatItIs(plan) {
  const parameters = Object.entries(plan.pipeline_parameters ?? {});
  const lines = parameters.map(([name, value]) => h("div", null, h("code", null, `${name} = ${value}`)));
  return h(
    "dl",
    { class: "pairs" },
    plan.description && [h("dt", null, "Description"), h("dd", null, plan.description)],
    plan.paused && [h("dt", null, "Paused"), h("dd", { class: "held" }, plan.pause_note ?? "without a note")],
    [h("dt", null, "Pipeline"), h("dd", null, plan.pipeline)],
    [h("dt", null, "Trigger"), h("dd", null, h("code", null, asWritten(plan.trigger).slice(1, -1)))],
    Object.entries(plan.rules ?? {}).map(([key, text]) => [h("dt", null, h("code", null, key)), h("dd", null, text)]),
    lines.length > 0 && [h("dt", null, "Parameters"), h("dd", null, lines)],
  );
}

/**
 * A value as it is written in the file.
 * @param {unknown} value
 * @returns {string}
 */
function asWritten(value) {
  if (Array.isArray(value)) return `[${value.map(asWritten).join(", ")}]`;
  if (value === null || typeof value !== "object") return String(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${name}: ${asWritten(one)}`)
    .join(", ")}}`;
}
