// The dialog that explains why something did or did not start, from the ledger first, then from storage.

import { getExplanation, iso } from "./api.js";
import { ask } from "./ask_dialog.js";
import { h } from "./elements.js";
import { bySchedule } from "./known.js";
import { addressOf } from "./run_address.js";
import { badge } from "./state_signs.js";
import { capital } from "./texts.js";
import { LAST_MINUTE, local, time } from "./times.js";

/**
 * @import { Values } from "./ask_dialog.js"
 * @import { ExplainAnswer, RunState, ScheduleAnswer, VersionAnswer } from "./api_types.js"
 */

/** @type {Record<string, string>} By the schedule's kind; one that is not here has nothing to explain. */
export const WHY = {
  time: "Why did this time start nothing?",
  change: "Why did this file start nothing?",
  after: "Why did this run start nothing?",
};

/** @param {ScheduleAnswer} plan */
export function askWhy({ name, kind }) {
  ask({
    title: `${WHY[kind]} (${name})`,
    lead: "Shows what the app has decided so far and what happens next. It changes nothing.",
    fields: fieldOf(name, kind),
    label: "Explain",
    reads: true,
    act: async (values) => {
      const found = await getExplanation(name, questionOf(values));
      return { told: explanation(found), run: found.run ?? undefined };
    },
  });
}

/**
 * @param {string} name
 * @param {string} kind
 */
function fieldOf(name, kind) {
  if (kind === "time") {
    const props = { name: "at", type: "datetime-local", step: "1", max: LAST_MINUTE, required: true };
    return labelled("When it should have run, in your time zone", props);
  }
  if (kind === "after")
    return labelled("Key of the run that it should have followed", { name: "upstream", required: true });
  const example = bySchedule.get(name)?.find((run) => run.blob)?.blob?.path ?? "path/below/the/container.csv";
  return labelled("File, below the container", { name: "blob", required: true, placeholder: example });
}

/**
 * @param {string} label
 * @param {Record<string, string | boolean>} props
 */
const labelled = (label, props) =>
  h(
    "label",
    { class: "field" },
    h("span", null, label),
    h("input", { maxlength: "1024", spellcheck: "false", ...props }),
  );

/**
 * @param {Values} values
 * @returns {Record<string, string>}
 */
function questionOf({ at, blob, upstream }) {
  if (at) return { at: iso(at) };
  return blob ? { blob } : { upstream };
}

/** @param {ExplainAnswer} found */
const explanation = ({ sentence, decisions, versions }) => [
  h("b", { class: "foreign" }, capital(sentence)),
  h(
    "ol",
    { class: "why small", tabindex: "0" },
    decisions.map((one) => h("li", null, one)),
  ),
  versions.length > 0 && [h("h3", null, "Versions"), h("ul", { class: "small" }, versions.map(version))],
];

/** @param {VersionAnswer} one */
function version({ etag, last_modified: at, state, reason, key }) {
  const what = state && badge(/** @type {RunState} */ (state));
  const link = key && h("a", { href: addressOf(key) }, "its run");
  return h(
    "li",
    null,
    time(at, local),
    ` · ETag ${etag} `,
    what,
    " ",
    reason && h("span", { class: "soft" }, `${reason} `),
    link,
  );
}
