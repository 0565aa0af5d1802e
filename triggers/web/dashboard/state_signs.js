// A shape for each state, in addition to its colour and its word.

import { h, s } from "./elements.js";
import { SENTENCES } from "./tables.js";

/** @import { RunState } from "./api_types.js" */
/** @typedef {(x: number, y: number) => string} Outline Returns the path of a sign around a point. */

/** @type {Outline} */
const bar = (x, y) => `M${x - 1.9} ${y - 6.5}h3.8v13h-3.8z`;
/** @type {Outline} */
const frame = (x, y) => `M${x - 2.2} ${y - 6.2}h4.4v12.4h-4.4z`;
/** @type {Outline} */
const ring = (x, y) => `M${x - 3.6} ${y}a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0`;
/** @type {Outline} */
const triangle = (x, y) => `M${x} ${y - 4.4}l4.4 8h-8.8z`;
/** @type {Outline} */
const diamond = (x, y) => `M${x} ${y - 5.5}l4.5 5.5l-4.5 5.5l-4.5 -5.5z`;
/** @type {Outline} */
const slenderDiamond = (x, y) => `M${x} ${y - 5}l4 5l-4 5l-4 -5z`;
/** @type {Outline} */
const cross = (x, y) => `M${x - 3.6} ${y - 3.6}l7.2 7.2m0 -7.2l-7.2 7.2`;
/** @type {Outline} */
const dash = (x, y) => `M${x - 4} ${y}h8`;
/** @type {Outline} */
const foot = (x, y) => `M${x - 2} ${y + 3.5}h4v3h-4z`;

/**
 * How each state is painted, and its outline.
 * @type {Record<RunState, ["fill" | "draw", Outline]>}
 */
export const SHAPES = {
  finished: ["fill", bar],
  submitted: ["draw", frame],
  submitting: ["draw", frame],
  waiting: ["draw", ring],
  unsent: ["draw", triangle],
  unknown: ["fill", diamond],
  rejected: ["draw", cross],
  dead: ["draw", cross],
  failed: ["draw", cross],
  skipped: ["fill", foot],
  canceled: ["draw", dash],
  untracked: ["draw", slenderDiamond],
  unreadable: ["fill", triangle],
};

/**
 * The state whose sign to use; a state that this page does not know looks like `untracked`.
 * @param {RunState} state
 * @returns {RunState}
 */
export const like = (state) => (Object.hasOwn(SHAPES, state) ? state : "untracked");

/** @param {RunState} state */
export function sign(state) {
  const [paint, outline] = SHAPES[like(state)];
  const path = s("path", { class: paint, d: outline(7, state === "skipped" ? 3 : 7) });
  return s("svg", { class: `sign s-${like(state)}`, viewBox: "0 0 14 14", "aria-hidden": "true" }, path);
}

/**
 * @param {RunState} state
 * @param {string} [word] The word to show, if not the state.
 */
export const badge = (state, word = state) =>
  h("span", { class: `state s-${like(state)}`, title: SENTENCES.get(state) }, sign(state), word);
