// The dialog that triggers a schedule. It sends requests so that they start at most one run.

import { Failed, getRun, isNotFound, iso, isRefused, postTrigger } from "./api.js";
import { ask, told, whyFields, whyOf } from "./ask_dialog.js";
import { h } from "./elements.js";
import { bySchedule, plans } from "./known.js";
import { listed } from "./texts.js";
import { LAST_MINUTE } from "./times.js";

/**
 * @import { Done, Values } from "./ask_dialog.js"
 * @import { ScheduleAnswer, TriggerBody } from "./api_types.js"
 * @typedef {{ id: string, body: TriggerBody }} Sent
 * @typedef {ReturnType<typeof parameterRow>} ParameterRow
 */

/* Schedule → the request that was sent and has no answer yet. The next attempt uses the same id, so that at most one run
   starts. Kept for the tab, beyond the dialog and the page. */
const pending = {
  at: (/** @type {string} */ name) => `pending ${name}`,
  get: (/** @type {string} */ name) =>
    /** @type {Sent | null} */ (JSON.parse(sessionStorage.getItem(pending.at(name)) ?? "null")),
  set: (/** @type {string} */ name, /** @type {Sent} */ sent) =>
    sessionStorage.setItem(pending.at(name), JSON.stringify(sent)),
  drop: (/** @type {string} */ name) => sessionStorage.removeItem(pending.at(name)),
};

const newId = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;

/**
 * @param {string} name
 * @param {TriggerBody} body
 * @returns {Promise<Done>}
 */
async function sendTrigger(name, body) {
  const before = pending.get(name);
  const found = before && (await madeBefore(name, before, body));
  if (found) return found;
  const id = before?.id ?? newId();
  pending.set(name, { id, body });
  try {
    const run = await postTrigger(name, { ...body, request_id: id });
    pending.drop(name);
    return { run, told: told(run) };
  } catch (error) {
    // The earlier request may have arrived after all, with the values of that time.
    const isConflict = error instanceof Failed && error.status === 409;
    const late = before && isConflict && (await madeBefore(name, before, body));
    if (late) return late;
    if (error instanceof Failed && isRefused(error)) {
      if (before) pending.set(name, before);
      else pending.drop(name);
    }
    throw error;
  }
}

/**
 * The run of an earlier attempt whose answer was lost, or null.
 * @param {string} name
 * @param {Sent} sent
 * @param {TriggerBody} now
 * @returns {Promise<Done | null>}
 */
async function madeBefore(name, { id, body }, now) {
  try {
    const run = await getRun(`${name}!${id}`);
    pending.drop(name);
    const isOther = JSON.stringify(body) !== JSON.stringify(now);
    const other = isOther && " The values now in the form were not sent.";
    return {
      run,
      told: ["The previous attempt had already started it; no second run was started. ", told(run), other],
    };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return null;
  }
}

/** @param {string} name */
export function askTrigger(name) {
  const plan = plans.find((one) => one.name === name);
  if (!plan) return;
  const parameters = parameterRows(plan);
  const refuseBracesOnce = bracesRefusedOnce();
  ask({
    title: `Trigger ${name}`,
    lead: lead(plan),
    fields: [plan.kind === "change" && blobField(name), parameters.field, timeField(), whyFields()],
    label: "Trigger",
    act: (values) => {
      const body = bodyOf(values, parameters.rows());
      refuseBracesOnce(body);
      return sendTrigger(name, body);
    },
  });
}

/** Refuses typed braces once: they look like a template but are sent unchanged. Pressing again confirms that. */
function bracesRefusedOnce() {
  let agreed = "[]";
  return (/** @type {TriggerBody} */ { pipeline_parameters: parameters }) => {
    const braced = Object.entries(parameters ?? {}).filter(([, value]) => /[{}]/.test(String(value)));
    const present = JSON.stringify(braced);
    if (present === agreed || !braced.length) return;
    agreed = present;
    const names = listed(braced.map(([name]) => name));
    throw new Failed(
      400,
      `${names}: braces are sent unchanged, because templates are not filled in here. Press again to send them`,
    );
  };
}

/** @param {ScheduleAnswer} plan */
function lead({ name, kind, paused }) {
  if (pending.get(name)) {
    return "It is not known whether the previous attempt started a run, so that is checked first.";
  }
  if (paused) return "The schedule is paused, but a manual run starts anyway.";
  if (kind === "manual") return "Starts one run now.";
  return "Starts one run now, in addition to the schedule's own.";
}

/** @param {string} name */
function blobField(name) {
  const example = bySchedule.get(name)?.find((run) => run.blob)?.blob?.path;
  const placeholder = example ?? "path/below/the/container.csv";
  const input = h("input", { name: "blob", required: true, maxlength: "1024", placeholder, spellcheck: "false" });
  return h("label", { class: "field" }, h("span", null, "File, below the container"), input);
}

const timeField = () =>
  h(
    "label",
    { class: "field" },
    h("span", null, "Scheduled time"),
    h("input", { name: "scheduled_time", type: "datetime-local", step: "1", max: LAST_MINUTE }),
    h("span", { class: "soft small" }, "In your time zone; empty means the current time. Templates use this time."),
  );

/**
 * The form's part for the schedule's parameters, and its current rows.
 * @param {ScheduleAnswer} plan
 */
function parameterRows(plan) {
  const overrides = plan.trigger_overrides ?? "listed";
  const given = Object.entries(plan.pipeline_parameters ?? {});
  const now = plan.pipeline_parameters_now ?? {};
  const rows = given.map(([name, value]) => parameterRow(name, value, overrides !== "none", now[name]));
  const list = h(
    "div",
    null,
    rows.map((row) => row.node),
  );
  const add = () => {
    const row = parameterRow(null, "", true);
    rows.push(row);
    list.append(row.node);
    row.node.querySelector("input")?.focus();
  };
  const field = h(
    "fieldset",
    { class: "field" },
    h("legend", null, "Pipeline parameters"),
    hint(overrides, given.length > 0),
    list,
    !given.length && overrides !== "any" && h("p", { class: "soft small" }, "The schedule sets none."),
    overrides === "any" &&
      h("div", null, h("button", { type: "button", class: "plain", onclick: add }, "Add a parameter")),
  );
  return { field, rows: () => rows.filter((row) => row.node.isConnected) };
}

/**
 * @param {string} overrides
 * @param {boolean} isSome
 */
function hint(overrides, isSome) {
  if (overrides === "none") {
    return h("p", { class: "soft small" }, "The file does not allow changes (trigger_overrides: none).");
  }
  return (
    isSome &&
    h("p", { class: "soft small" }, "What you type is sent unchanged; the other parameters are filled in as usual.")
  );
}

/**
 * @param {Values} values
 * @param {ParameterRow[]} rows
 * @returns {TriggerBody}
 */
function bodyOf(values, rows) {
  refuseNames(rows);
  const own = rows.filter((row) => row.isOwn() && row.named());
  return {
    ...whyOf(values),
    ...(own.length ? { pipeline_parameters: Object.fromEntries(own.map((row) => [row.named(), row.value()])) } : {}),
    ...(values.blob ? { blob: values.blob } : {}),
    ...(values.scheduled_time ? { scheduled_time: iso(values.scheduled_time) } : {}),
  };
}

/**
 * Refuses invalid names, so that no typed value is silently left out.
 * @param {ParameterRow[]} rows
 */
function refuseNames(rows) {
  if (rows.some((row) => row.isOwn() && !row.named() && row.value())) {
    throw new Failed(400, "A value has no parameter name; add a name, or remove the value with ✕");
  }
  const names = rows.map((row) => row.named()).filter(Boolean);
  const twice = names.find((one, number) => names.indexOf(one) < number);
  if (twice) throw new Failed(400, `The parameter ${twice} occurs twice; remove one`);
}

/**
 * @param {string | null} name Null if the user types the name too.
 * @param {string} value
 * @param {boolean} mayChange
 * @param {string | null} [now] The current value of its template; null if a file or a run is needed.
 */
function parameterRow(name, value, mayChange, now) {
  const label = h("input", { "aria-label": "Parameter", placeholder: "name", class: "mono" });
  const input = h("input", {
    class: "mono",
    "aria-label": name ? `Value of ${name}` : "Value",
    value,
    disabled: !mayChange,
    spellcheck: "false",
  });
  const back = backButton(name);
  const filled = now && h("span", { class: "soft small now" }, "now ", h("span", { class: "mono" }, now));
  const node = h("div", { class: "param" }, name ? h("span", { class: "mono" }, name) : label, input, back, filled);
  let own = name === null;
  const setOwn = (/** @type {boolean} */ isOwn) => {
    own = isOwn;
    input.classList.toggle("own", own);
    back.hidden = name !== null && !own;
  };
  input.addEventListener("input", () => setOwn(true));
  back.addEventListener("click", () => {
    if (name === null) return node.remove();
    input.value = value;
    setOwn(false);
    input.focus();
  });
  setOwn(own);
  return { node, isOwn: () => own, named: () => name ?? label.value.trim(), value: () => input.value };
}

/** @param {string | null} name */
const backButton = (name) =>
  h(
    "button",
    {
      type: "button",
      class: "plain",
      title: name ? "Reset to the value in the file" : "Remove",
      "aria-label": name ? `Reset ${name} to the value in the file` : "Remove this parameter",
    },
    name ? "↺" : "✕",
  );
