// The dialogs to pause, resume and backfill a schedule.

import { iso, postBackfill, postPause, postResume } from "./api.js";
import { ask, whyFields, whyOf } from "./ask_dialog.js";
import { h } from "./elements.js";
import { plans } from "./known.js";
import { many } from "./texts.js";
import { DAYLONG, HOUR, LAST_MINUTE, MINUTE, time } from "./times.js";

/**
 * @import { Done, Preview, Values } from "./ask_dialog.js"
 * @import { BackfillAnswer, ItemAnswer } from "./api_types.js"
 */

/** @param {string} name */
export function askPause(name) {
  ask({
    title: `Pause ${name}`,
    lead: "No runs start until you resume. Occurrences in the meantime are skipped, not queued. Runs already in Azure ML continue; runs not yet sent are held. You can still trigger it manually.",
    fields: whyFields(),
    label: "Pause",
    act: async (values) => ({ plan: await postPause(name, whyOf(values)), told: `${name} is paused.` }),
  });
}

/** @param {string} name */
export function askResume(name) {
  ask({
    title: `Resume ${name}`,
    lead: "Runs start again from now on. What was skipped stays skipped; use Backfill to start it.",
    fields: whyFields(),
    label: "Resume",
    act: async (values) => ({ plan: await postResume(name, whyOf(values)), told: `${name} is no longer paused.` }),
  });
}

/** @param {string} name */
export function askBackfill(name) {
  const kind = plans.find((one) => one.name === name)?.kind;
  const what = kind === "change" ? "file changed" : "scheduled time";
  const send = (/** @type {Values} */ values, /** @type {boolean} */ dryRun) =>
    postBackfill(name, { ...whyOf(values), from: iso(values.from), to: iso(values.to), dry_run: dryRun });
  const today = Math.floor(Date.now() / HOUR) * HOUR;
  ask({
    title: `Backfill ${name}`,
    lead: `Starts a run for every ${what} in this range that has none, or whose run was skipped, dead or rejected. The dry run lists them first.`,
    fields: [
      h(
        "div",
        { class: "two" },
        momentField("From", "from", today - DAYLONG),
        momentField("To, not included", "to", today),
      ),
      whyFields(),
    ],
    label: "Start",
    preview: async (values) => previewed(await send(values, true)),
    act: async (values) => started(await send(values, false)),
  });
}

/**
 * @param {string} label
 * @param {string} name
 * @param {number} at
 */
function momentField(label, name, at) {
  const there = new Date(at - new Date(at).getTimezoneOffset() * MINUTE);
  const value = there.toISOString().slice(0, 16);
  const input = h("input", { name, type: "datetime-local", required: true, max: LAST_MINUTE, value });
  return h("label", { class: "field" }, h("span", null, label), input);
}

/**
 * @param {BackfillAnswer} found
 * @returns {Preview}
 */
function previewed(found) {
  return {
    ready: found.started_count,
    told: [h("b", null, wouldStart(found)), itemList(found.started), unfinished(found)],
  };
}

/** @param {BackfillAnswer} found */
function wouldStart({ started_count: number, already_count: already }) {
  if (number) return `${many(number, "run")} would start; ${already} not needed.`;
  return already
    ? `Nothing would start: all ${already} have run or are waiting.`
    : "Nothing is due between these times.";
}

/**
 * @param {BackfillAnswer} found
 * @returns {Done}
 */
function started(found) {
  const number = found.started_count;
  const are = number === 1 ? "is" : "are";
  const sentence = `${many(number, "run")} ${are} waiting to be sent; ${found.already_count} not needed.`;
  return { told: [h("b", null, sentence), itemList(found.started), unfinished(found)] };
}

/** @param {ItemAnswer[]} found */
function itemList(found) {
  return found.length > 0 && h("ul", { class: "small", tabindex: "0" }, found.slice(0, 200).map(item));
}

/** @param {ItemAnswer} found */
function item({ what, why }) {
  const isTime = /^\d{4}-\d\d-\d\dT[\d:]+Z$/.test(what);
  const because = why && h("span", { class: "soft" }, ` ${why}`);
  return h("li", null, isTime ? time(what) : h("span", { class: "mono" }, what), because);
}

/** @param {BackfillAnswer} found */
function unfinished({ complete, continue_from: from }) {
  const next = from ? `: continue from ${from}` : "; run it again to continue";
  return !complete && h("p", null, `There was no time for the rest${next}.`);
}
