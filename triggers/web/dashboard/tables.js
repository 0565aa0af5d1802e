// What states, reasons and kinds are called, and what may be done in which state.

/** Each state's word and sentence, the gravest state first. */
export const STATES = {
  unknown: ["unknown", "It may have been started: it is looked up, never simply sent again"],
  dead: ["dead", "It was tried until its retries were used up"],
  rejected: ["rejected", "Azure ML refused it for good"],
  failed: ["failed", "It ran in Azure ML, and failed"],
  unsent: ["unsent", "Not accepted yet; it is tried again"],
  submitting: ["submitting", "It is being sent at this moment"],
  waiting: ["waiting", "It waits for its time, its place or its batch"],
  submitted: ["submitted", "Azure ML has accepted it"],
  untracked: ["untracked", "Azure ML does not say what became of it"],
  canceled: ["canceled", "It was given up"],
  finished: ["finished", "It ran in Azure ML, and finished"],
  skipped: ["skipped", "It was let go, for a reason"],
};
export const GRAVITY = Object.keys(STATES);
export const OPEN = new Set(["unknown", "unsent", "submitting", "waiting", "submitted"]);
export const REPLAYABLE = new Set(["skipped", "rejected", "dead", "unknown", "failed", "canceled", "finished", "untracked"]);
export const FORCED = new Set(["finished", "untracked"]);
export const CANCELABLE = new Set(["waiting", "unsent", "unknown", "submitted"]);
export const REASONS = {
  paused: "the schedule was paused",
  disabled: "the schedule is disabled",
  overlap: "the run before it was still going",
  catchup: "it came too late to be caught up with",
  superseded: "a newer one was started in its place",
  filtered: "the blob is none that the schedule watches",
  before_first_seen: "it lies before the schedule was first seen",
  before_start: "it lies before the schedule's start",
  after_end: "it lies after the schedule's end",
  gone: "the blob was gone",
  content_unchanged: "the same content again",
  copy_failed: "the copy that made the blob failed",
  forgotten: "older than what the ledger keeps",
};
export const KINDS = { time: "by the clock", change: "a blob changed", batch: "a batch of changes", request: "asked for", replay: "a replay" };
