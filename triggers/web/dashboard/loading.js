// Loads what is new, what is open, and older trouble from the app, rather than everything.

import { generation, getHealth, getRun, getRuns, getSchedules, isNotFound, iso } from "./api.js";
import { dropBefore, keep, keepSchedules, lacks, loaded, newest, runs, searched, WEEK } from "./known.js";
import { OPEN, TROUBLE } from "./tables.js";
import { MINUTE } from "./times.js";

/** @import { RunAnswer, RunsAnswer, RunsQuery } from "./api_types.js" */

const PAGE = 200;
const ENOUGH = 1000;
const ONE_BY_ONE = 8;
const MARGIN = 2 * MINUTE; // instances' clocks differ, and a row may become visible a little late

/** @type {Map<string, number>} When each open run was last asked for. */
const looked = new Map();

export const forgetLooked = () => looked.clear();

export async function lookAtSchedules() {
  const [plans, health] = await Promise.all([getSchedules(), getHealth()]);
  keepSchedules(plans, health);
}

/** Loads one more page of older runs. */
export async function loadBack() {
  const page = await getRuns({ limit: PAGE, continuation: loaded.continuation });
  keep(page.runs);
  Object.assign(loaded, {
    continuation: page.continuation,
    complete: page.continuation === null,
    back: backOf(page.runs) ?? loaded.back,
  });
}

/**
 * The time of the oldest run of a page.
 * @param {RunAnswer[]} found
 */
const backOf = (found) =>
  found
    .map((run) => Date.parse(run?.created_at))
    .filter(Boolean)
    .at(-1);

/** True if older runs should be loaded: the list spans less than a week and has too few runs. */
export const isShort = () => !loaded.complete && newest.length < ENOUGH && loaded.back > Date.now() - WEEK;

/** Loads this week's trouble that is older than the list, with one query per state. */
export async function findTrouble() {
  const mine = generation;
  const at = Date.now();
  const from = at - WEEK;
  const to = loaded.back + 1000;
  if (!loaded.complete && from < to) {
    const period = { since: iso(from), until: iso(to) };
    const states = TROUBLE.filter((state) => state !== "unknown");
    await Promise.all(states.map((state) => loadAll({ state, ...period })));
  }
  if (mine === generation) Object.assign(searched, { at, from, to });
}

/** Loads older open runs, for each state of which health counts more than are loaded. */
export async function findOpen() {
  for (const state of OPEN) {
    if (lacks(state)) await loadAll({ state, until: iso(loaded.back + 1000) }, state === "unknown" ? 50 : 5);
  }
}

/**
 * Loads all pages of a query, `most` at most.
 * @param {RunsQuery} query
 * @param {number} [most]
 */
async function loadAll(query, most = Number.POSITIVE_INFINITY) {
  /** @type {string | null} */
  let continuation = null;
  for (let pages = 0; pages < most; pages += 1) {
    const mine = generation;
    /** @type {RunsAnswer} */
    const page = await getRuns({ ...query, limit: PAGE, continuation });
    if (mine !== generation) return;
    keep(page.runs);
    continuation = page.continuation;
    if (continuation === null) return;
  }
}

/**
 * Loads runs that are new. Returns true if there were too many (the tab was asleep) and a gap remains: older runs are
 * then forgotten and must be loaded again.
 */
export async function lookAtNew() {
  const since = newest.length ? iso(newest[0].at - MARGIN) : null;
  /** @type {string | null} */
  let continuation = null;
  /** @type {number | undefined} */
  let back;
  for (let pages = 0; pages < 5; pages += 1) {
    /** @type {RunsAnswer} */
    const page = await getRuns({ since, limit: PAGE, continuation });
    keep(page.runs);
    continuation = page.continuation;
    if (continuation === null) return false;
    back = backOf(page.runs) ?? back;
  }
  if (back === undefined) return false;
  Object.assign(loaded, { back, continuation, complete: false });
  dropBefore(back);
  return true;
}

/**
 * Updates open runs: many of them from lists, then the rest one by one, those that were checked longest ago first.
 * @param {boolean} all
 * @param {string | null} shown The key of a run that is updated in any case.
 */
export async function lookAtOpen(all, shown) {
  const begun = Date.now();
  const rest = () =>
    newest.filter((run) => OPEN.has(run.state) && run.key !== shown && (looked.get(run.key) ?? 0) < begun);
  const oldest = rest().at(-1);
  if (oldest && rest().length > ONE_BY_ONE) await lookAtLists(oldest.at);
  const left = rest().sort((one, other) => (looked.get(one.key) ?? 0) - (looked.get(other.key) ?? 0));
  const keys = left.slice(0, all ? left.length : 4 * ONE_BY_ONE).map((run) => run.key);
  if (shown !== null && runs.has(shown)) keys.unshift(shown);
  // A few at a time, to spare the browser and a small app.
  for (let at = 0; at < keys.length; at += ONE_BY_ONE) await Promise.all(keys.slice(at, at + ONE_BY_ONE).map(lookAt));
}

/** @param {number} oldest */
async function lookAtLists(oldest) {
  /** @type {string | null} */
  let continuation = null;
  for (let pages = 0; pages < 4; pages += 1) {
    /** @type {RunsAnswer} */
    const page = await getRuns({ since: iso(oldest), limit: PAGE, continuation });
    keep(page.runs);
    for (const run of page.runs) looked.set(run?.key, Date.now());
    continuation = page.continuation;
    if (continuation === null) return;
  }
}

/** @param {string} key */
async function lookAt(key) {
  looked.set(key, Date.now());
  try {
    keep([await getRun(key)]);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
