// The data loaded from the app: its runs, its schedules and its health.

import { DAYLONG } from "./times.js";

/**
 * @import { HealthAnswer, RunAnswer, RunState, ScheduleAnswer } from "./api_types.js"
 * @typedef {RunAnswer & { at: number }} Run `at` is the time of its row, in milliseconds.
 */

export const WEEK = 7 * DAYLONG;

/** @type {Map<string, Run>} */
export const runs = new Map();
/** @type {Map<string, string>} A run's JSON, to tell whether it has changed. */
const written = new Map();

/** @type {Run[]} All runs, newest first. */
export let newest = [];
/** @type {Map<string, Run[]>} */
export let bySchedule = new Map();
/** @type {Map<string, Run[]>} A run's key → its replays, oldest first. */
let replays = new Map();
/** @type {ScheduleAnswer[]} */
export let plans = [];
/** @type {HealthAnswer | null} */
export let health = null;

/** All runs from `back` on are loaded; `continuation` leads further into the past. */
export const loaded = { back: Date.now(), continuation: /** @type {string | null} */ (null), complete: false };
/** The period beyond `loaded` that was searched for trouble, and when. */
export const searched = { at: 0, from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY };

/** Forgets all data. */
export function forgetAll() {
  runs.clear();
  written.clear();
  index();
  plans = [];
  health = null;
  Object.assign(loaded, { back: Date.now(), continuation: null, complete: false });
  Object.assign(searched, { at: 0, from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY });
}

/**
 * @param {ScheduleAnswer[]} foundPlans
 * @param {HealthAnswer} foundHealth
 */
export function keepSchedules(foundPlans, foundHealth) {
  plans = foundPlans;
  health = foundHealth;
}

/**
 * Updates one schedule from an answer.
 * @param {ScheduleAnswer} plan
 */
export function keepSchedule(plan) {
  plans = plans.map((one) => (one.name === plan.name ? { ...one, ...plan } : one));
}

/**
 * Adds or updates runs; invalid ones are left out.
 * @param {readonly RunAnswer[]} found
 */
export function keep(found) {
  let changed = false;
  for (const run of found.filter(isSound).map(withKnown)) {
    const text = JSON.stringify(run);
    if (written.get(run.key) === text) continue;
    written.set(run.key, text);
    runs.set(run.key, withTime(run));
    changed = true;
  }
  if (changed) index();
}

/**
 * Adds the details of a run that are already known: lists contain fewer than the answer for a single run.
 * @param {RunAnswer} run
 * @returns {RunAnswer}
 */
function withKnown(run) {
  const known = runs.get(run.key);
  if (!known) return run;
  return {
    ...run,
    request: run.request ?? known.request,
    downstream: run.downstream?.length ? run.downstream : known.downstream,
  };
}

/** @param {RunAnswer} run */
const isSound = (run) =>
  [run?.key, run?.schedule, run?.state, run?.created_at].every((value) => typeof value === "string");

/**
 * @param {RunAnswer} run
 * @returns {Run}
 */
const withTime = (run) => ({
  ...run,
  at: Date.parse(run.created_at) || 0,
  history: Array.isArray(run.history) ? run.history : [],
});

/**
 * Forgets the runs before a time.
 * @param {number} at
 */
export function dropBefore(at) {
  for (const { key } of newest.filter((run) => run.at < at)) {
    runs.delete(key);
    written.delete(key);
  }
  index();
}

function index() {
  newest = [...runs.values()].sort((one, other) => other.at - one.at || (one.key < other.key ? 1 : -1));
  bySchedule = grouped(newest, (run) => run.schedule);
  replays = grouped(newest.filter((run) => run.replay_of).reverse(), (run) => run.replay_of ?? "");
}

/**
 * @template Item
 * @template Key
 * @param {readonly Item[]} items
 * @param {(item: Item) => Key} keyOf
 */
export function grouped(items, keyOf) {
  /** @type {Map<Key, Item[]>} */
  const groups = new Map();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/**
 * A text that changes whenever the run changes.
 * @param {string} key
 */
export const textOf = (key) => written.get(key);

/**
 * The replays of the run's occurrence, oldest first.
 * @param {Run} run
 */
export const replaysOf = (run) => replays.get(run.replay_of ?? run.key) ?? [];

/**
 * The newest attempt of the run's occurrence.
 * @param {Run} run
 */
export const lastOf = (run) => replaysOf(run).at(-1) ?? run;

/** @param {RunState} state */
const numberOf = (state) => newest.filter((run) => run.state === state).length;

/**
 * True if health counts more runs in an open state than are loaded.
 * @param {RunState} state
 */
export const lacks = (state) => !loaded.complete && (health?.counts?.[state] ?? 0) > numberOf(state);

/** Since when all trouble is known: from the search if it adjoins the list, otherwise from the list alone. */
export function troubleSince() {
  if (loaded.complete) return Number.NEGATIVE_INFINITY;
  return searched.to >= loaded.back ? Math.min(searched.from, loaded.back) : loaded.back;
}

export const isUnknownKnown = () => loaded.complete || (health?.ledger === "ok" && !lacks("unknown"));
