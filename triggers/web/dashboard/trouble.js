// Needs attention: one card for each schedule and state. Below it, what is open.

import { $, h, hasChanged, refill, sync } from "./elements.js";
import {
  bySchedule,
  grouped,
  isUnknownKnown,
  lastOf,
  loaded,
  newest,
  plans,
  textOf,
  troubleSince,
  WEEK,
} from "./known.js";
import { openStory } from "./run_address.js";
import { askReplay } from "./run_dialogs.js";
import { filterRuns } from "./run_list.js";
import { headline } from "./run_words.js";
import { badge, sign } from "./state_signs.js";
import { findLink } from "./studio.js";
import { GRAVITY, OPEN, SENTENCES, TROUBLE } from "./tables.js";
import { many } from "./texts.js";
import { DAYLONG, HOUR, local, relative, time } from "./times.js";

/** @import { Run } from "./known.js" */

/** @param {Run} run */
function isTrouble(run) {
  if (!TROUBLE.includes(run.state) || lastOf(run) !== run) return false;
  if (run.state === "unknown") return true;
  if (run.at && run.at < Date.now() - WEEK) return false;
  if (run.state === "dead") return true;
  // Any other trouble older than a day is over once a later run has finished.
  const after = bySchedule.get(run.schedule)?.find((one) => one.state === "finished");
  return run.at > Date.now() - DAYLONG || !after || after.at < run.at;
}

/** @param {Run} run */
const groupOf = (run) => `${run.state} ${run.schedule}`;

/** @param {Run[]} group */
const gravityOf = ([run]) => GRAVITY.indexOf(run.state);

export function drawTrouble() {
  const groups = inOrder([...grouped(newest.filter(isTrouble), groupOf).values()]);
  sync(
    $("trouble"),
    groups,
    ([run]) => groupOf(run),
    () => ({ node: h("li", { class: "card" }) }),
    updateCard,
  );
  drawStillOpen();
  $("well").hidden = groups.length > 0;
  if (!groups.length) drawWell();
}

/** @type {string[]} The cards as they were drawn last. */
let drawnOrder = [];

/**
 * The gravest first. While the pointer is over the cards, existing cards keep their places and new ones follow.
 * @param {Run[][]} groups
 */
function inOrder(groups) {
  groups.sort((one, other) => gravityOf(one) - gravityOf(other) || other[0].at - one[0].at);
  if ($("trouble").matches(":hover")) {
    const place = (/** @type {Run[]} */ [run]) =>
      drawnOrder.includes(groupOf(run)) ? drawnOrder.indexOf(groupOf(run)) : drawnOrder.length;
    groups.sort((one, other) => place(one) - place(other));
  }
  drawnOrder = groups.map(([run]) => groupOf(run));
  return groups;
}

/**
 * @param {{ node: HTMLElement }} row
 * @param {Run[]} group
 */
function updateCard({ node }, group) {
  if (!hasChanged(node, group.map((run) => textOf(run.key)).join())) return;
  node.className = `card s-${group[0].state}`;
  refill(node, card(group));
}

/** @param {Run[]} group */
function card(group) {
  const [run] = group;
  const isMany = group.length > 1;
  const hint =
    run.state === "unknown"
      ? `Search the studio for the tag trigger_run_key ${run.key}; the schedule's next run may resolve it`
      : null;
  const which = isMany ? `${group.length} runs, the newest ` : `${headline(run)}, `;
  const showAll = () => filterRuns({ schedule: run.schedule, state: run.state });
  return [
    h("b", null, run.schedule),
    badge(run.state),
    h("p", { class: "small soft" }, which, time(run.created_at, relative)),
    h("p", { class: "why small" }, run.error ?? hint ?? SENTENCES.get(run.state)),
    h(
      "div",
      { class: "acts" },
      findLink(run),
      h("button", { "data-f": "open", onclick: () => openStory(run.key) }, isMany ? "Show the newest" : "Show"),
      isMany && h("button", { "data-f": "all", onclick: showAll }, `All ${group.length}`),
      h("button", { "data-f": "replay", onclick: () => askReplay(run) }, isMany ? "Replay the newest" : "Replay"),
    ),
  ];
}

function drawStillOpen() {
  const counts = GRAVITY.filter((state) => OPEN.has(state) && state !== "unknown")
    .map((state) => ({ state, number: newest.filter((run) => run.state === state).length }))
    .filter(({ number }) => number > 0);
  $("still").hidden = !counts.length;
  if (!hasChanged($("still"), JSON.stringify(counts))) return;
  const buttons = counts.map(({ state, number }) => {
    const props = { "data-f": state, title: SENTENCES.get(state), onclick: () => filterRuns({ state }) };
    return h("button", { class: "plain", ...props }, sign(state), `${number} ${state}`);
  });
  refill($("still"), [h("span", { class: "soft" }, "Open now"), buttons]);
}

function drawWell() {
  const isAll = isWeekKnown() && isUnknownKnown();
  const title = isAll ? "Nothing needs attention" : "Nothing needs attention among the runs loaded so far";
  const text = plans.length ? wellText() : "";
  if ($("well").textContent !== title + text) $("well").replaceChildren(h("strong", null, title), text);
}

const isWeekKnown = () => troubleSince() <= Date.now() - WEEK + HOUR;

function wellText() {
  const since = isWeekKnown() ? "of the last 7 days" : `since ${local(troubleSince())}`;
  const unknown = isUnknownKnown() ? ", and nothing is unknown." : ". It is not known how many are unknown.";
  return `${countOfDay()}. Nothing ${since} is dead, rejected, untracked or newly failed${unknown}`;
}

function countOfDay() {
  const begin = Date.now() - DAYLONG;
  const isDay = loaded.complete || loaded.back <= begin;
  const day = newest.filter((run) => run.at > (isDay ? begin : loaded.back));
  const period = isDay ? "in the last 24 hours" : `since ${local(loaded.back)}`;
  return `${many(day.length, "run")} ${period}, ${day.filter((run) => run.state === "finished").length} finished`;
}
