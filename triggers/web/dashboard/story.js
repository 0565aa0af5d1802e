// The dialog with everything about one run.

import { getRun, isNotFound } from "./api.js";
import { $, forgetDrawn, h, hasChanged, refill, say } from "./elements.js";
import { keep, lastOf, replaysOf, runs, textOf } from "./known.js";
import { addressedRun, addressOf, leaveStory, openStory } from "./run_address.js";
import { askCancel, askReplay } from "./run_dialogs.js";
import { drawRuns } from "./run_list.js";
import { headline, inFull, kindInWords, lasted } from "./run_words.js";
import { badge, sign } from "./state_signs.js";
import { findLink, openLink } from "./studio.js";
import { CANCELABLE, OPEN, REPLAYABLE } from "./tables.js";
import { capital, many } from "./texts.js";
import { localWithSeconds, relative, time } from "./times.js";

/**
 * @import { Child } from "./elements.js"
 * @import { EventAnswer } from "./api_types.js"
 * @import { Run } from "./known.js"
 */

const dialog = () => $("story", HTMLDialogElement);

/** The key of the run that is open, or null. */
export const shownRun = () => (dialog().open ? (dialog().dataset.key ?? null) : null);

/** Opens the run in the address and reloads it; closes the dialog if there is none. */
export async function showAddressedRun() {
  const key = addressedRun();
  const story = dialog();
  if (!key) return story.close();
  story.dataset.key = key;
  forgetDrawn(story);
  drawStory();
  if (!story.open) story.showModal();
  try {
    keep([await getRun(key)]);
    drawStory();
    drawRuns();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    if (!runs.has(story.dataset.key ?? ""))
      refill(story, [title("No such run"), h("div", { class: "body" }, error.message)]);
  }
}

export function drawStory() {
  const story = dialog();
  const { key } = story.dataset;
  if (!location.hash.startsWith("#run/") || !key) return;
  const run = runs.get(key);
  if (!hasChanged(story, `${textOf(key)} ${run && replaysOf(run).length}`)) return;
  if (!run) return refill(story, [title("Loading …")]);
  const top = story.querySelector(".body")?.scrollTop ?? 0;
  const body = h("div", { class: "body", tabindex: "-1" }, storyBody(run));
  refill(story, [h("div", { class: "story" }, storyTitle(run), body, h("div", { class: "acts" }, storyActs(run)))]);
  body.scrollTop = top;
}

/** @param {string} text */
const title = (text) => h("div", { class: "title" }, h("h2", { id: "story-title" }, text), closeButton());

/** @param {Run} run */
function storyTitle(run) {
  const subtitle = h("div", { class: "soft small" }, headline(run));
  const heading = h("h2", { id: "story-title" }, run.schedule, subtitle);
  return h("div", { class: "title" }, heading, badge(run.state), closeButton());
}

const closeButton = () =>
  h("button", { class: "plain", "data-f": "close", "aria-label": "Close", onclick: () => dialog().close() }, "✕");

/** @param {Run} run */
const storyBody = (run) => [...warnings(run), h("dl", { class: "pairs" }, facts(run)), sent(run), historyOf(run)];

/**
 * What was sent to Azure ML, folded up.
 * @param {Run} run
 */
function sent({ request }) {
  if (!request) return null;
  const named = (/** @type {Record<string, unknown>} */ values) =>
    Object.entries(values).map(([name, value]) => h("div", { class: "mono" }, `${name} = ${value}`));
  const paths = Object.entries(request.datapaths).map(([name, one]) => [name, `${one.datastore}/${one.path}`]);
  const datasets = Object.entries(request.datasets).map(([name, one]) => [
    name,
    one.id ?? Object.values(one).join(":"),
  ]);
  const rows = [
    fact("Experiment", request.experiment_name),
    fact("Description", request.description),
    fact("Parameters", someOf(named(request.pipeline_parameters))),
    fact("Data paths", someOf(named(Object.fromEntries(paths)))),
    fact("Datasets", someOf(named(Object.fromEntries(datasets)))),
    fact("Tags", someOf(named(request.tags))),
    fact("Parent run", request.parent_run_id),
  ];
  return h("details", { class: "sent" }, h("summary", null, "What was sent"), h("dl", { class: "pairs" }, rows));
}

/**
 * @template T
 * @param {T[]} lines
 */
const someOf = (lines) => (lines.length ? lines : null);

/** @param {Run} run */
const warnings = (run) => [
  run.error && h("p", { class: OPEN.has(run.state) ? "warned" : "answer no" }, run.error),
  run.state === "unknown" &&
    h(
      "p",
      { class: "warned" },
      "It may have been started. Search the studio for the tag ",
      h("code", null, `trigger_run_key ${run.key}`),
      "; a replay cancels this run first.",
    ),
  run.reason && h("p", { class: "warned" }, `${capital(run.state)} as ${inFull(run.reason)}.`),
];

/** @param {Run} run */
const facts = (run) => [
  fact("Kind", kindInWords(run.kind)),
  fact("For", run.nominal_time && time(run.nominal_time)),
  fact("Blob", blobFacts(run)),
  fact("Batch", batchFacts(run)),
  fact("Requested by", run.requested_by),
  fact("Note", run.note),
  fact("Pipeline", run.pipeline),
  fact("Due", run.due_at && time(run.due_at)),
  fact("Attempts", run.attempts ? String(run.attempts) : null),
  fact("Next attempt", run.next_attempt_at && inBothWays(run.next_attempt_at)),
  fact("Azure ML says", run.azureml_status),
  fact("Duration", lasted(run)),
  fact("Started after", run.upstream && linkTo(run.upstream.key)),
  fact("Then started", run.downstream?.length ? run.downstream.map((key) => h("div", null, linkTo(key))) : null),
  fact("Rerun", rerunFacts(run)),
  fact("Moved from", run.moved_from && time(run.moved_from)),
  fact("Replay of", run.replay_of && linkTo(run.replay_of)),
  fact("Replayed as", otherReplays(run)),
  fact("Run id", run.run_id && h("span", { class: "mono" }, run.run_id)),
  fact("Run key", [h("span", { class: "mono" }, run.key), " ", copyButton(run.key)]),
];

/**
 * A name and a value; null if there is no value.
 * @param {string} name
 * @param {Child} value
 */
const fact = (name, value) =>
  value === null || value === undefined || value === "" ? null : [h("dt", null, name), h("dd", null, value)];

/** @param {Run} run */
function rerunFacts({ reruns }) {
  if (!reruns) return null;
  const which = reruns.number ? `${reruns.number} of ${reruns.attempts}` : `up to ${reruns.attempts}`;
  return [which, reruns.next_at && [", the next ", ...inBothWays(reruns.next_at)]].flat();
}

/** @param {Run} run */
function blobFacts({ blob }) {
  if (!blob) return null;
  const version = `${many(blob.size, "byte")}, ETag ${blob.etag}, changed `;
  return [
    h("div", { class: "mono" }, `${blob.container}/${blob.path}`),
    h("div", { class: "soft small" }, version, time(blob.last_modified)),
  ];
}

/** @param {Run} run */
function batchFacts({ batch }) {
  if (!batch) return null;
  const manifest = batch.manifest && h("div", { class: "mono" }, batch.manifest);
  const missing = batch.missing.length > 0 && `, without ${batch.missing.join(", ")}`;
  return [many(batch.count, "file"), batch.group && ` in ${batch.group}`, missing, manifest];
}

/** @param {string} at */
const inBothWays = (at) => [time(at), " (", time(at, relative), ")"];

/** @param {string} key */
const linkTo = (key) => h("a", { href: addressOf(key), class: "mono", "data-f": `run ${key}` }, key);

/** @param {Run} run */
function otherReplays(run) {
  const others = replaysOf(run).filter((one) => one !== run);
  return others.length ? others.map((one) => h("div", null, linkTo(one.key), " ", badge(one.state))) : null;
}

/** @param {string} key */
function copyButton(key) {
  const button = h("button", { class: "plain small", "data-f": "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(key);
      say(button, "Copied");
    } catch {
      say(button, "Not copied");
    }
  });
  return button;
}

/** @param {Run} run */
const historyOf = (run) =>
  h("div", null, h("h3", null, "What happened"), h("ol", { class: "life" }, run.history.map(eventItem)));

/** @param {EventAnswer} one */
const eventItem = ({ at, state, reason }) =>
  h(
    "li",
    null,
    state && sign(state),
    at && h("span", { class: "at" }, time(at, localWithSeconds)),
    state && h("b", null, state),
    reason && h("div", { class: "why small" }, inFull(reason)),
  );

/** @param {Run} run */
function storyActs(run) {
  const { key, state } = run;
  const last = lastOf(run);
  const cancel = { class: "stop", "data-f": "cancel", onclick: () => askCancel(run) };
  const later = { "data-f": "later", onclick: () => openStory(last.key) };
  const replay = { class: state === "unknown" ? "" : "main", "data-f": "replay", onclick: () => askReplay(run) };
  return [
    findLink(run, "button main"),
    openLink(run),
    CANCELABLE.has(state) && h("button", cancel, "Cancel run"),
    last.key !== key && h("button", later, "Show its newest replay"),
    last.key === key && REPLAYABLE.has(state) && h("button", replay, "Replay"),
  ];
}

/** Closes the dialog on a click outside it, and removes the run from the address when it closes. */
export function listenToStory() {
  const story = dialog();
  story.addEventListener("close", leaveStory);
  story.addEventListener("click", (clicked) => clicked.target === story && story.close());
}
