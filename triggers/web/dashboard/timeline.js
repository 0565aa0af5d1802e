// The timelines: a shared axis, and a strip of marks for each schedule.

import { $, hasChanged, s } from "./elements.js";
import { bySchedule, grouped, loaded } from "./known.js";
import { like, SHAPES } from "./state_signs.js";
import { GRAVITY } from "./tables.js";
import { CLOCK, DAY, HOUR, MINUTE } from "./times.js";

/**
 * @import { Run } from "./known.js"
 * @import { RunState, ScheduleAnswer } from "./api_types.js"
 * @typedef {object} Mark The runs of one slot.
 * @property {number} x
 * @property {Run[]} found
 * @property {RunState} state The gravest state among them.
 * @property {number} from In milliseconds, inclusive.
 * @property {number} to Exclusive.
 */
/** @typedef {{ from: number, to: number }} Stretch The period that the timelines show, in milliseconds. */

const SLOT = 6; // pixels

/** How far back the timelines go, in hours: 1, 24 or 168. */
let range = 24;

/** @param {number} hours */
export function setRange(hours) {
  range = hours;
}

const isWeek = () => range > 24;
const rangeInWords = () => ({ 1: "hour", 24: "24 hours" })[range] ?? "7 days";

const width = () => $("axis", SVGElement).clientWidth || 600;

/** @returns {Stretch} */
const stretch = () => ({ from: Date.now() - range * HOUR, to: Date.now() + (isWeek() ? 12 : range / 12) * HOUR });

/**
 * @param {Stretch} stretch
 * @param {number} at
 */
const across = ({ from, to }, at) => ((at - from) / (to - from)) * width();

/** @param {Stretch} stretch */
function ticks({ from, to }) {
  const at = new Date(from);
  at.setMinutes(0, 0, 0);
  const step = tickStep();
  if (step >= 1) at.setHours(at.getHours() - (at.getHours() % step));
  const found = [];
  for (; at.getTime() < to; at.setMinutes(at.getMinutes() + step * 60)) {
    if (at.getTime() > from) found.push(at.getTime());
  }
  return found;
}

/** The distance between two ticks, in hours. */
function tickStep() {
  if (isWeek()) return 24;
  const wide = range === 1 ? 1 / 6 : 3;
  return width() < 480 ? 2 * wide : wide;
}

export function drawAxis() {
  const shown = stretch();
  const now = across(shown, Date.now());
  const marks = ticks(shown).filter((at) => across(shown, at) > 4 && across(shown, at) < now - 44);
  const [shift, anchor] = isWeek() ? [3, "start"] : [0, "middle"];
  const labels = marks.map((at) =>
    s("text", { x: across(shown, at) + shift, y: 21, "text-anchor": anchor }, tickLabel(at)),
  );
  $("axis", SVGElement).replaceChildren(...labels, s("text", { x: now, y: 21, "text-anchor": "middle" }, "now"));
}

/** @param {number} at */
function tickLabel(at) {
  if (!isWeek()) return CLOCK.format(at);
  const words = DAY.format(at).replace(",", "").split(" ");
  return words.slice(0, width() < 480 ? 1 : 2).join(" ");
}

/** @type {WeakMap<SVGElement, Mark[]>} */
const stripMarks = new WeakMap();

/**
 * The marks that a strip shows, from left to right.
 * @param {SVGElement} svg
 */
export const marksOf = (svg) => stripMarks.get(svg) ?? [];

/**
 * Draws a schedule's runs as marks, one per slot in the slot's gravest state; one path per state.
 * @param {SVGElement} svg
 * @param {ScheduleAnswer} plan
 */
export function drawStrip(svg, plan) {
  const shown = stretch();
  const marks = marksIn(shown, bySchedule.get(plan.name) ?? []);
  stripMarks.set(svg, [...marks].reverse());
  const due = dueOf(plan).filter((at) => at < shown.to);
  const paths = pathsOf(marks);
  const minute = Math.floor((Date.now() / MINUTE) * (range === 1 ? 6 : 1));
  if (!hasChanged(svg, JSON.stringify([[...paths], due, width(), minute, loaded.back, range]))) return;
  svg.replaceChildren(
    ...ground(shown),
    ...[...paths].map(([state, path]) =>
      s("g", { class: `s-${state}` }, s("path", { class: SHAPES[state][0], d: path })),
    ),
    s("path", { class: "due", d: duePath(shown, due) }),
    s("rect", { class: "chosen", width: 11, height: 26, y: 4, rx: 4, visibility: "hidden" }),
  );
  const words = countsInWords(marks.flatMap((mark) => mark.found)).join(", ") || "no runs";
  const keys = "Use the arrow keys to move, Enter to show a run.";
  svg.setAttribute("aria-label", `${plan.name}, last ${rangeInWords()}: ${words}. ${keys}`);
}

/**
 * The marks for runs; both are ordered newest first.
 * @param {Stretch} shown
 * @param {readonly Run[]} runs
 * @returns {Mark[]}
 */
function marksIn(shown, runs) {
  const slot = (shown.to - shown.from) / (width() / SLOT);
  const end = runs.findIndex((run) => run.at < shown.from);
  const slots = grouped(end < 0 ? runs : runs.slice(0, end), (run) => Math.floor(run.at / slot));
  return [...slots].map(([number, found]) => ({
    x: Math.round(across(shown, (number + 0.5) * slot) * 10) / 10,
    found,
    state: gravest(found),
    from: number * slot,
    to: (number + 1) * slot,
  }));
}

/** @param {readonly Run[]} found */
function gravest(found) {
  const states = new Set(found.map((run) => like(run.state)));
  return GRAVITY.find((state) => states.has(state)) ?? "skipped";
}

/** @param {ScheduleAnswer} plan */
const dueOf = (plan) =>
  plan.status === "Enabled" && !plan.paused ? plan.next.map((one) => Date.parse(one.nominal_time)) : [];

/** @param {readonly Mark[]} marks */
function pathsOf(marks) {
  const byState = grouped(marks, (mark) => mark.state);
  /** @type {[RunState, string][]} */
  const paths = [...byState].map(([state, found]) => [state, found.map(({ x }) => SHAPES[state][1](x, 17)).join("")]);
  return new Map(paths);
}

/**
 * The background of the marks.
 * @param {Stretch} shown
 */
function ground(shown) {
  const now = across(shown, Date.now());
  const back = Math.max(0, Math.min(now, across(shown, loaded.back)));
  const gap = s(
    "rect",
    { class: "gap", x: 0, y: 4, width: back, height: 26, rx: 4 },
    s("title", null, "Not loaded yet"),
  );
  const lines = ticks(shown).map((at) => `M${across(shown, at)} 4v26`);
  return [
    ...(loaded.complete || back < 2 ? [] : [gap]),
    s("path", { class: "tick", d: lines.join("") }),
    s("path", { class: "ground", d: `M0 24.5H${width()}` }),
    s("path", { class: "now", d: `M${now} 2v30` }),
  ];
}

/**
 * A ring for each future occurrence, except those that would overlap.
 * @param {Stretch} shown
 * @param {readonly number[]} due
 */
function duePath(shown, due) {
  const places = due.map((at) => across(shown, at));
  const clear = places.filter((x, number) => number === 0 || x - places[number - 1] > SLOT);
  return clear.map((x) => `M${x - 2.4} 17a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0`).join("");
}

/**
 * "1 failed", "2 skipped (paused, overlap)", the gravest first; `reasons` adds the reasons.
 * @param {readonly Run[]} found
 * @param {{ reasons: boolean }} [options]
 */
export function countsInWords(found, { reasons } = { reasons: false }) {
  const groups = grouped(found, (run) => run.state);
  const states = [...new Set([...GRAVITY, ...groups.keys()])];
  return states.flatMap((state) => {
    const group = groups.get(state);
    if (!group) return [];
    const why = [...new Set(group.map((run) => run.reason))].join(", ");
    return [`${group.length} ${state}${reasons && state === "skipped" ? ` (${why})` : ""}`];
  });
}
