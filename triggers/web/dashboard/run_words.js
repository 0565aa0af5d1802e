// Describes in a few words what a run is for, why it ran, and how long it took.

import { KINDS, OPEN, REASONS } from "./tables.js";
import { apart, capital, many } from "./texts.js";
import { local, span } from "./times.js";

/** @import { RunAnswer } from "./api_types.js" */

/**
 * What a run is for.
 * @param {RunAnswer} run
 */
export function about(run) {
  const blob = run.blob && apart(run.blob.path);
  const by = run.requested_by ? ` by ${apart(run.requested_by)}` : "";
  if (run.kind === "replay") return `replay${by}${replayed(run, blob)}`;
  if (run.batch) return `${many(run.batch.count, "file")}${run.batch.group ? ` in ${apart(run.batch.group)}` : ""}`;
  if (run.kind === "request") return `manual${by}${blob ? `: ${blob}` : ""}`;
  if (blob) return blob;
  if (run.upstream) return `after ${apart(run.upstream.schedule)}`;
  return run.nominal_time ? `for ${local(run.nominal_time)}` : kindInWords(run.kind);
}

/**
 * @param {RunAnswer} run
 * @param {string | null} blob
 */
function replayed(run, blob) {
  if (blob) return ` of ${blob}`;
  return run.nominal_time ? ` of ${local(run.nominal_time)}` : "";
}

/** @param {string} kind */
export const kindInWords = (kind) => KINDS.get(kind) ?? kind;

/**
 * Like `about`, but capitalized, except for the name of a blob.
 * @param {RunAnswer} run
 */
export const headline = (run) =>
  about(run).startsWith(apart(run.blob?.path ?? "\n")) ? about(run) : capital(about(run));

/** @param {string} reason */
export const inFull = (reason) => (REASONS.has(reason) ? `${reason}: ${REASONS.get(reason)}` : reason);

/** @param {RunAnswer} run */
export function because(run) {
  if (run.reason) return run.error ? `${inFull(run.reason)}; ${run.error}` : inFull(run.reason);
  const next = run.next_attempt_at ? `Next attempt ${local(run.next_attempt_at)}` : null;
  return [next, run.error ?? run.note].filter(Boolean).join(": ");
}

/** @param {RunAnswer} run */
export function lasted(run) {
  if (run.state === "skipped") return "";
  const begin = Date.parse(run.submitted_at ?? run.created_at);
  if (run.ended_at) return span(Date.parse(run.ended_at) - begin);
  return OPEN.has(run.state) ? `${span(Date.now() - begin)} so far` : "";
}
