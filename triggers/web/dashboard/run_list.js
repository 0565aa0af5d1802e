// The list of runs, and its filters.

import { getRuns, iso } from "./api.js";
import { $, h, hasChanged, refill, say, sync } from "./elements.js";
import { bySchedule, keep, loaded, newest, plans } from "./known.js";
import { loadBack } from "./loading.js";
import { linesOf, unfold } from "./neighbours.js";
import { addressOf } from "./run_address.js";
import { about, because, lasted } from "./run_words.js";
import { badge } from "./state_signs.js";
import { GRAVITY } from "./tables.js";
import { capital, many } from "./texts.js";
import { CLOCK, local, setTime } from "./times.js";

/**
 * @import { Run } from "./known.js"
 * @import { Line } from "./neighbours.js"
 * @import { RunState } from "./api_types.js"
 * @typedef {object} Filters
 * @property {string} text
 * @property {string} schedule A schedule's name, or empty.
 * @property {RunState | ""} state
 * @property {{ from: number, to: number } | null} period `from` is inclusive, `to` exclusive.
 */

const STEP = 100;

/** @type {Filters} */
const NO_FILTERS = { text: "", schedule: "", state: "", period: null };
/** @type {Filters} */
const filters = { ...NO_FILTERS };
let shownNumber = STEP;

/** The search for older runs, beyond what is loaded. */
const older = { id: "", continuation: /** @type {string | null} */ (null), done: false };
const filterId = () => JSON.stringify([filters.schedule, filters.state]);

const isFiltered = () => Boolean(filters.schedule || filters.state || filters.text || filters.period);

function filtered() {
  const { schedule, state, period } = filters;
  const text = filters.text.toLowerCase();
  return newest.filter(
    (run) =>
      (!schedule || run.schedule === schedule) &&
      (!state || run.state === state) &&
      (!period || (run.at >= period.from && run.at < period.to)) &&
      (!text || textsOf(run).some((one) => one?.toLowerCase().includes(text))),
  );
}

/** @param {Run} run */
const textsOf = (run) => [
  run.key,
  run.blob?.path,
  run.batch?.group,
  run.note,
  run.error,
  run.reason,
  run.requested_by,
  run.run_id,
];

export function drawRuns() {
  drawFilters();
  const found = filtered();
  const lines = linesOf(found).slice(0, shownNumber);
  sync($("rows"), lines, (line) => line.run.key, runRow, updateRun);
  const all = many(newest.length, "run") + (loaded.complete ? "" : " loaded");
  const isAll = found.length === newest.length;
  say($("runs-count"), isAll ? all : `${found.length} of ${newest.length.toLocaleString("en-GB")}`);
  drawReach(found.length);
  $("no-runs").hidden = found.length > 0;
  if (!found.length) refill($("no-runs"), noRuns());
}

const isSearched = () => older.id === filterId() && older.done;

/** @param {number} number */
function drawReach(number) {
  $("show-more").hidden = number <= shownNumber;
  $("older").hidden =
    number > shownNumber || loaded.complete || (isFiltered() && isSearched()) || filters.period !== null;
  say($("older"), isFiltered() ? "Search older runs" : "Load older runs");
  say($("reach"), reach());
}

function reach() {
  if (loaded.complete || isSearched()) {
    return `These are all ${isFiltered() ? "matching " : ""}runs in the ledger.`;
  }
  return newest.length ? `Loaded back to ${local(loaded.back)}.` : "";
}

function noRuns() {
  if (!newest.length) {
    const next = "The first one starts with the next occurrence or file, or when you trigger a schedule above.";
    return [h("strong", null, "No runs yet"), next];
  }
  const isAll = loaded.complete || isSearched();
  const hint = isAll ? "Other filters may find some." : "There may be older ones: search for them below.";
  return [h("strong", null, "No matching runs"), hint];
}

function drawFilters() {
  const names = new Set([...plans.map((one) => one.name), ...bySchedule.keys()]);
  const bySchedules = $("by-schedule", HTMLSelectElement);
  options(bySchedules, [["", "All schedules"], ...[...names].map((one) => [one, one])], filters.schedule);
  const states = GRAVITY.map((one) => [one, capital(one)]);
  options($("by-state", HTMLSelectElement), [["", "All states"], ...states], filters.state);
  $("clear").hidden = !isFiltered();
  $("span").hidden = !filters.period;
  if (filters.period) say($("span"), `${local(filters.period.from)} – ${CLOCK.format(filters.period.to)} ✕`);
  $("span").setAttribute("aria-label", "Remove the filter by time");
}

/**
 * @param {HTMLSelectElement} select
 * @param {string[][]} pairs Each option's value and text.
 * @param {string} value
 */
function options(select, pairs, value) {
  if (hasChanged(select, JSON.stringify(pairs))) {
    select.replaceChildren(...pairs.map(([key, text]) => h("option", { value: key }, text)));
  }
  if (select.value !== value) select.value = value;
}

function runRow() {
  const state = h("span", { role: "cell" });
  const link = h("a");
  const what = h("span", { class: "what" });
  const begun = h("time");
  const took = h("span", { class: "lasted soft small", role: "cell" });
  const why = h("span", { class: "why" });
  const more = h("button", { class: "plain fold", hidden: true });
  const node = h(
    "div",
    { class: "run", role: "row" },
    state,
    h("span", { role: "cell" }, link, what),
    h("span", { role: "cell", class: "small" }, begun),
    took,
    h("span", { role: "cell", class: "because" }, why, more),
  );
  return { node, state, link, what, begun, took, why, more };
}

/**
 * @param {ReturnType<typeof runRow>} row
 * @param {Line} line
 */
function updateRun(row, { id, run, hidden }) {
  row.more.hidden = !hidden;
  if (hidden) {
    say(row.more, `and ${hidden.toLocaleString("en-GB")} more like it`);
    row.more.onclick = () => {
      unfold(id);
      drawRuns();
    };
  }
  say(row.took, lasted(run));
  setTime(row.begun, run.created_at);
  if (!hasChanged(row.node, run)) return;
  row.state.replaceChildren(badge(run.state));
  row.link.href = addressOf(run.key);
  say(row.link, run.schedule);
  say(row.what, about(run));
  row.what.title = about(run);
  say(row.why, because(run));
  row.why.title = because(run);
}

/**
 * Sets the filters.
 * @param {Partial<Filters>} wanted
 */
export function filterRuns(wanted) {
  changeFilters({ ...NO_FILTERS, ...wanted });
  $("text", HTMLInputElement).value = filters.text;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("runs").scrollIntoView({ behavior: isStill ? "auto" : "smooth" });
  $("runs-title").focus({ preventScroll: true });
}

/** @param {Partial<Filters>} some */
function changeFilters(some) {
  Object.assign(filters, some);
  shownNumber = STEP;
  drawRuns();
}

/** Loads one more page, of the list or of the filtered search. */
export async function loadOlder() {
  if (!filters.schedule && !filters.state) await loadBack();
  else await searchOlder();
  shownNumber += STEP;
}

async function searchOlder() {
  if (older.id !== filterId()) Object.assign(older, { id: filterId(), continuation: null, done: false });
  const page = await getRuns({
    schedule: filters.schedule || null,
    state: filters.state || null,
    until: iso(loaded.back + 1000),
    limit: STEP,
    continuation: older.continuation,
  });
  keep(page.runs);
  Object.assign(older, { continuation: page.continuation, done: page.continuation === null });
}

/** Connects the fields and buttons of the list. */
export function listenToFilters() {
  const text = $("text", HTMLInputElement);
  const bySchedules = $("by-schedule", HTMLSelectElement);
  const byState = $("by-state", HTMLSelectElement);
  text.addEventListener("input", () => changeFilters({ text: text.value.trim() }));
  bySchedules.addEventListener("change", () => changeFilters({ schedule: bySchedules.value }));
  byState.addEventListener("change", () => changeFilters({ state: /** @type {RunState | ""} */ (byState.value) }));
  $("clear").addEventListener("click", () => filterRuns({}));
  $("span").addEventListener("click", () => {
    filters.period = null;
    drawRuns();
  });
  $("show-more").addEventListener("click", () => {
    shownNumber += STEP;
    drawRuns();
  });
}
