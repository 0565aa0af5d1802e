// The dialogs to replay and to cancel a run.

import { Failed, getRun, postCancel, postReplay } from "./api.js";
import { ask, told, whyFields, whyOf } from "./ask_dialog.js";
import { h, say } from "./elements.js";
import { keep, runs } from "./known.js";
import { about } from "./run_words.js";
import { signal } from "./signals.js";
import { CANCELABLE, WITH_FORCE } from "./tables.js";

/**
 * @import { Run } from "./known.js"
 * @import { RunState } from "./api_types.js"
 */

/** @param {Run} run */
export function askReplay(run) {
  const isForced = WITH_FORCE.has(run.state);
  const again = run.state === "finished" ? "It has finished" : "It may have run";
  const agree = h("input", { type: "checkbox", required: true });
  const isUnknown = run.state === "unknown";
  ask({
    title: `Replay ${run.schedule}`,
    lead: [
      `Starts a new run ${about(run).startsWith("for ") ? "" : "for "}${about(run)}, using the current schedules.yaml.`,
      isUnknown && " This run is canceled first; if Azure ML has started it anyway, there will be two.",
    ],
    fields: [isForced && h("label", { class: "check" }, agree, `${again}: run it again anyway`), whyFields()],
    label: "Replay",
    act: async (values) => {
      const body = { ...whyOf(values), unless_replayed: true, ...(isForced ? { force: true } : {}) };
      const made = await postReplay(run.key, body);
      return { run: made, told: told(made) };
    },
  });
}

/** @type {Partial<Record<RunState, string>>} */
const CANCELING = {
  submitted: "The app asks Azure ML to cancel it.",
  unknown: "It is canceled in the app. Azure ML may still run it: look for its run key in the studio.",
};

/** @param {Run} run */
export function askCancel({ key, schedule, state }) {
  const means = h("span"); // what canceling does in the state that the user saw
  let agreed = runs.get(key)?.state ?? state;
  const show = () => say(means, CANCELING[agreed] ?? "It will not be sent.");
  show();
  ask({
    title: `Cancel this run of ${schedule}?`,
    lead: means,
    fields: whyFields(),
    label: "Cancel run",
    stop: true,
    act: async (values) => {
      const present = await getRun(key);
      keep([present]);
      if (present.state !== agreed) {
        const before = agreed;
        agreed = present.state;
        if (CANCELABLE.has(agreed)) show();
        signal("changed");
        throw hasMoved(before, agreed);
      }
      const made = await postCancel(key, whyOf(values));
      keep([made]);
      return { told: told(made) };
    },
  });
}

/**
 * @param {RunState} before
 * @param {RunState} now
 */
function hasMoved(before, now) {
  const again = "; see above what that means. Press again to cancel it anyway";
  return new Failed(409, `It was ${before} and is now ${now}${CANCELABLE.has(now) ? again : ""}`);
}
