// The client for the app's HTTP API. The key is kept only for this tab and sent in a header.

/**
 * @import { BackfillAnswer, ExplainAnswer, HealthAnswer, RunAnswer, RunsAnswer, ScheduleAnswer } from "./api_types.js"
 * @import { BackfillBody, HeldBody, ReplayBody, RunsQuery, TriggerBody } from "./api_types.js"
 */

const BASE = location.pathname.replace(/[^/]*$/, "");
const KEY = "functions-key";
const LATEST = Date.parse("9999-12-31T00:00:00Z");

export const STALE = -1; // status: the key was forgotten before the answer came
const ODD = 1; // status: the answer has an unexpected shape

/** The number of keys used so far; answers to requests with an earlier key are ignored. */
export let generation = 0;

export const hasKey = () => sessionStorage.getItem(KEY) !== null;

/** @param {string} key */
export const keepKey = (key) => sessionStorage.setItem(KEY, key);

export function forgetKey() {
  sessionStorage.removeItem(KEY);
  generation += 1;
}

/** A failed request; the message is a sentence without its full stop. */
export class Failed extends Error {
  /**
   * @param {number} status The answer's HTTP status; 0 if there was none.
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Turns any error into Failed: an unexpected answer or a bug in this page is shown, not swallowed.
 * @param {unknown} error
 */
export function understood(error) {
  if (error instanceof Failed) return error;
  console.warn(error);
  const message = error instanceof Error ? error.message : String(error);
  return new Failed(ODD, `This page received something that it cannot read (${message})`);
}

/** @param {Failed} error */
export const isRefused = (error) => error.status >= 400 && error.status < 500 && error.status !== 408;

/**
 * @param {unknown} error
 * @returns {error is Failed}
 */
export const isNotFound = (error) => error instanceof Failed && error.status === 404;

/**
 * Sends a request to the app; throws Failed.
 * @param {"GET" | "POST"} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function api(method, path, body) {
  const mine = generation;
  const { reply, content } = await fetched(method, path, body);
  if (mine !== generation) throw new Failed(STALE, "The key has changed");
  const json = parsed(content);
  if (reply.ok && json !== null) return json;
  if (path === "health" && json?.status) return json; // with 503, the answer lists what is wrong
  if (reply.status === 401) throw new Failed(401, "The key is missing or wrong");
  const odd = reply.ok ? ", but not with JSON: a proxy may have answered" : "";
  throw new Failed(reply.status, json?.error ?? `The app answered ${reply.status}${odd}`);
}

/**
 * @param {"GET" | "POST"} method
 * @param {string} path
 * @param {object} [body]
 */
async function fetched(method, path, body) {
  const key = sessionStorage.getItem(KEY);
  /** @type {Record<string, string>} */
  const headers = {};
  if (key) headers["x-functions-key"] = key;
  if (body) headers["Content-Type"] = "application/json";
  try {
    const reply = await fetch(BASE + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(method === "GET" ? 60_000 : 150_000),
    });
    return { reply, content: await reply.text() };
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    throw new Failed(0, isLate ? "The app did not answer in time" : "The app cannot be reached");
  }
}

/** @param {string} content */
function parsed(content) {
  try {
    return JSON.parse(content);
  } catch {
    return null; // errors from the Functions host have no body
  }
}

/**
 * A time in the API's format; throws Failed.
 * @param {string | number} at
 */
export function iso(at) {
  const then = new Date(at);
  // Negated, so that an invalid date (NaN) is refused too.
  if (!(Math.abs(then.getTime()) < LATEST)) throw new Failed(400, `${at} is not a time up to the year 9999`);
  return then.toISOString().replace(/\.\d+Z$/, "Z");
}

/**
 * Checks that an answer has its list; throws Failed otherwise.
 * @param {any} answer
 * @param {"runs" | "schedules"} name
 */
function withList(answer, name) {
  if (Array.isArray(answer?.[name])) return answer;
  throw new Failed(
    ODD,
    `The app's answer has no list of ${name}: a proxy may have answered, or the app has another version`,
  );
}

/** @param {string} key */
const runPath = (key) => `runs/${encodeURIComponent(key)}`;

/** @param {string} name */
const schedulePath = (name) => `schedules/${encodeURIComponent(name)}`;

/** @returns {Promise<ScheduleAnswer[]>} */
export const getSchedules = async () =>
  withList(await api("GET", "schedules?last_runs=0&details=true"), "schedules").schedules;

/** @returns {Promise<HealthAnswer>} */
export const getHealth = () => api("GET", "health");

/**
 * @param {string} key
 * @returns {Promise<RunAnswer>}
 */
export const getRun = (key) => api("GET", runPath(key));

/**
 * @param {string} name
 * @param {Record<string, string>} question One of at, blob and upstream.
 * @returns {Promise<ExplainAnswer>}
 */
export const getExplanation = (name, question) =>
  api("GET", `${schedulePath(name)}/explain?${new URLSearchParams(question)}`);

/**
 * A page of runs; null and empty values are left out of the query.
 * @param {RunsQuery} query
 * @returns {Promise<RunsAnswer>}
 */
export async function getRuns(query) {
  const given = Object.entries(query).filter(([, value]) => value);
  const answer = await api("GET", `runs?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`);
  return { continuation: null, ...withList(answer, "runs") };
}

/**
 * @param {string} name
 * @param {TriggerBody} body
 * @returns {Promise<RunAnswer>}
 */
export const postTrigger = (name, body) => api("POST", `${schedulePath(name)}/trigger`, body);

/**
 * @param {string} name
 * @param {HeldBody} body
 * @returns {Promise<ScheduleAnswer>}
 */
export const postPause = (name, body) => api("POST", `${schedulePath(name)}/pause`, body);

/**
 * @param {string} name
 * @param {HeldBody} body
 * @returns {Promise<ScheduleAnswer>}
 */
export const postResume = (name, body) => api("POST", `${schedulePath(name)}/resume`, body);

/**
 * @param {string} name
 * @param {BackfillBody} body
 * @returns {Promise<BackfillAnswer>}
 */
export const postBackfill = (name, body) => api("POST", `${schedulePath(name)}/backfill`, body);

/**
 * @param {string} key
 * @param {ReplayBody} body
 * @returns {Promise<RunAnswer>}
 */
export const postReplay = (key, body) => api("POST", `${runPath(key)}/replay`, body);

/**
 * @param {string} key
 * @param {HeldBody} body
 * @returns {Promise<RunAnswer>}
 */
export const postCancel = (key, body) => api("POST", `${runPath(key)}/cancel`, body);
