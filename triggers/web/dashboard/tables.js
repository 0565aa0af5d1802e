// The texts and the sets of states that the page shares with the app; they come from triggers/web/tables.py.

import { $ } from "./elements.js";

/**
 * @import { RunState } from "./api_types.js"
 * @typedef {object} Tables
 * @property {Record<RunState, string>} states A sentence for each state, the gravest state first.
 * @property {Record<string, string>} reasons Why something was skipped, in words.
 * @property {Record<string, string>} kinds What a run's occurrence is, in words.
 * @property {RunState[]} open
 * @property {RunState[]} replayable
 * @property {RunState[]} with_force Replayable, but only with force.
 * @property {RunState[]} cancelable
 * @property {RunState[]} trouble The states that need attention.
 */

/** @type {Tables} */
const TABLES = JSON.parse($("tables", HTMLScriptElement).textContent ?? "");

/** All states, the gravest first. */
export const GRAVITY = /** @type {RunState[]} */ (Object.keys(TABLES.states));
export const SENTENCES = new Map(Object.entries(TABLES.states));
export const REASONS = new Map(Object.entries(TABLES.reasons));
export const KINDS = new Map(Object.entries(TABLES.kinds));
export const OPEN = new Set(TABLES.open);
export const REPLAYABLE = new Set(TABLES.replayable);
export const WITH_FORCE = new Set(TABLES.with_force);
export const CANCELABLE = new Set(TABLES.cancelable);
export const TROUBLE = TABLES.trouble;
