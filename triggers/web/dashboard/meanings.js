// The legend of the timelines, and a table of the states, which opens with a click.

import { $, h } from "./elements.js";
import { badge } from "./state_signs.js";
import { GRAVITY, REASONS, SENTENCES } from "./tables.js";

/** @import { RunState } from "./api_types.js" */

/** @type {RunState[]} Those that look alike are there once. */
const LEGEND = ["finished", "submitted", "waiting", "unsent", "unknown", "failed", "canceled", "untracked", "skipped"];

/** Draws the legend and the table below it. */
export function drawMeanings() {
  const badges = LEGEND.map((state) => (state === "failed" ? badge(state, "failed, rejected, dead") : badge(state)));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const times = h("span", { title: "Times are shown in your browser's time zone" }, `Times: ${zone}`);
  $("legend").replaceChildren(...badges, h("span", null, "○ upcoming"), times);
  $("meanings").replaceChildren(
    h("summary", null, "What the states mean"),
    h("dl", { class: "pairs" }, GRAVITY.map(meaning)),
    h("h3", null, "Reasons for skipping"),
    h("dl", { class: "pairs" }, [...REASONS].map(reasonMeaning)),
  );
}

/** @param {RunState} state */
const meaning = (state) => [h("dt", null, badge(state)), h("dd", null, `${SENTENCES.get(state)}.`)];

/** @param {[string, string]} reason */
const reasonMeaning = ([reason, words]) => [h("dt", null, reason), h("dd", null, words)];
