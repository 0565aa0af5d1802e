// The list of schedules: each with its trigger in words, next occurrence, timeline and, when opened, details.

import { $, breath, h, hasChanged, inPieces, present, refill, s, say, sync } from "./elements.js";
import { health, plans } from "./known.js";
import { drawLeftOut } from "./left_out.js";
import { planDetails } from "./schedule_details.js";
import { apart } from "./texts.js";
import { drawAxis, drawStrip } from "./timeline.js";
import { listenToStrip } from "./timeline_pointing.js";
import { local, relative, time } from "./times.js";
import { askTrigger } from "./trigger_dialog.js";
import { inWords } from "./trigger_words.js";

/**
 * @import { ScheduleAnswer } from "./api_types.js"
 * @typedef {object} PlanRow
 * @property {HTMLElement} node
 * @property {HTMLElement} name
 * @property {HTMLElement} words
 * @property {HTMLElement} next
 * @property {SVGElement} strip
 * @property {HTMLElement | null} details
 * @property {ScheduleAnswer} plan
 */

const PIECE_OF_LIST = 25;

let wanted = "";

/** @param {string} text */
export function findSchedules(text) {
  wanted = text.toLowerCase();
}

/** @param {ScheduleAnswer} plan */
const isWanted = (plan) =>
  `${plan.name} ${plan.pipeline} ${plan.description ?? ""} ${inWords(plan)}`.toLowerCase().includes(wanted);

/**
 * Draws the list. New rows are added in pieces; existing rows stay in place.
 * @param {() => boolean} current Returns false when this drawing is no longer wanted.
 */
export async function drawSchedules(current) {
  const found = plans.filter((plan) => !wanted || isWanted(plan));
  drawCount(found.length);
  drawLeftOut();
  drawAxis();
  const list = $("plans");
  /** @type {[PlanRow, ScheduleAnswer][]} */
  const changed = [];
  const update = (/** @type {[PlanRow, ScheduleAnswer]} */ [row, plan]) => updatePlan(row, plan);
  for (let end = PIECE_OF_LIST; current(); end += PIECE_OF_LIST) {
    const piece = found.slice(0, Math.max(end, list.childElementCount));
    sync(
      list,
      piece,
      (plan) => plan.name,
      planRow,
      (row, plan) => changed.push([row, plan]),
    );
    if (list.childElementCount >= found.length) break;
    await inPieces(changed.splice(0), update, current);
    await breath();
  }
  if (current()) await inPieces(changed, update, current);
}

/** @param {number} number */
function drawCount(number) {
  const paused = plans.filter((one) => one.paused).length;
  const count = number === plans.length ? `${number}` : `${number} of ${plans.length}`;
  say($("schedules-count"), `${count}${paused ? `, ${paused} paused` : ""}`);
  $("no-plans").hidden = number > 0;
  if (!number) refill($("no-plans"), noPlans());
}

const noPlans = () =>
  plans.length
    ? [h("strong", null, "No matching schedules"), "The search covers the name, pipeline, description and trigger."]
    : [
        h("strong", null, "No schedules yet"),
        "Add one to schedules.yaml and deploy it; `triggers validate` shows what is wrong with the file. To migrate from Logic Apps, Data Factory, SDK v1 or v2, see docs/migrate.md.",
      ];

/**
 * @param {ScheduleAnswer} plan
 * @returns {PlanRow}
 */
function planRow(plan) {
  const name = h("button", { class: "name", "aria-expanded": "false", onclick: () => expand(row) }, plan.name);
  const words = h("div", { class: "words" });
  const next = h("div", { class: "next" });
  const strip = s("svg", { class: "strip", tabindex: "0", role: "group" });
  const start = { onclick: () => askTrigger(plan.name), "aria-label": `Trigger ${plan.name}` };
  const line = h(
    "div",
    { class: "plan" },
    h("div", null, name, words),
    next,
    h("div", { class: "line" }, strip),
    h("div", { class: "act" }, h("button", start, "Trigger")),
  );
  const node = h("li", { "data-name": plan.name }, line);
  listenToStrip(strip, plan.name);
  /** @type {PlanRow} */
  const row = { node, name, words, next, strip, details: null, plan };
  return row;
}

/**
 * @param {PlanRow} row
 * @param {ScheduleAnswer} plan
 */
function updatePlan(row, plan) {
  if (hasChanged(row.node, JSON.stringify([plan, health?.overdue?.[plan.name]]))) {
    row.plan = plan;
    row.words.replaceChildren(...present(planWords(plan)));
    row.words.title = row.words.textContent ?? "";
    row.next.replaceChildren(...present(nextOf(plan)));
    if (row.details) refill(row.details, planDetails(plan));
  }
  drawStrip(row.strip, plan);
}

/** @param {ScheduleAnswer} plan */
function planWords(plan) {
  const tag = tagOf(plan);
  const note = plan.paused && plan.pause_note ? `${apart(plan.pause_note)} · ` : "";
  return [tag, tag && " ", note + inWords(plan)];
}

/** @param {string | null} last */
const silence = (last) => (last ? `No change since ${local(last)}` : "No change yet");

/** @param {ScheduleAnswer} plan */
function tagOf({ name, paused, status }) {
  if (paused) return h("span", { class: "tag held" }, "Paused");
  if (status !== "Enabled") return h("span", { class: "tag" }, status);
  const last = health?.overdue?.[name];
  return last === undefined ? null : h("span", { class: "tag held", title: silence(last) }, "Overdue");
}

/** @param {ScheduleAnswer} plan */
function nextOf({ kind, next: [next], paused, status }) {
  const isEnabled = status === "Enabled";
  if (next && isEnabled) {
    const when = paused ? "will be skipped" : local(next.nominal_time);
    return [time(next.nominal_time, relative), h("span", { class: "soft" }, when)];
  }
  const none = isEnabled ? "none left" : "none: disabled";
  /** @type {Record<string, string>} */
  const without = { change: "with the next file", manual: "manually", after: "after a run" };
  return [h("span", { class: "soft" }, without[kind] ?? none)];
}

/** @param {PlanRow} row */
function expand(row) {
  const opens = !row.details;
  row.name.setAttribute("aria-expanded", String(opens));
  row.details?.remove();
  row.details = opens ? h("div", { class: "more" }) : null;
  if (!row.details) return;
  row.node.append(row.details);
  refill(row.details, planDetails(row.plan));
}
