// The dialog for actions: asks for confirmation, acts and shows the result.

import { isRefused, understood } from "./api.js";
import { $, h, say } from "./elements.js";
import { keep, keepSchedule } from "./known.js";
import { openStory } from "./run_address.js";
import { signal } from "./signals.js";
import { apart, many } from "./texts.js";

/**
 * @import { Child } from "./elements.js"
 * @import { RunAnswer, ScheduleAnswer } from "./api_types.js"
 * @typedef {Record<string, string>} Values The form's texts, by name.
 * @typedef {{ told: Child, run?: RunAnswer, plan?: ScheduleAnswer }} Done The result.
 * @typedef {{ told: Child, ready: number }} Preview The expected result; `ready` is the number of runs.
 */
/**
 * @typedef {object} Question
 * @property {string} title
 * @property {Child} lead
 * @property {Child} fields
 * @property {string} label The button's label.
 * @property {boolean} [stop] True if it ends something.
 * @property {boolean} [reads] True if it only reads: after an error, nothing can have been done.
 * @property {(values: Values) => Promise<Done>} act
 * @property {(values: Values) => Promise<Preview>} [preview] Runs first; its result is shown before `act` is allowed.
 */
/**
 * @typedef {object} Asked An open question.
 * @property {Question} question
 * @property {HTMLDialogElement} dialog
 * @property {HTMLFormElement} form
 * @property {HTMLElement} answer
 * @property {HTMLElement} acts
 * @property {HTMLButtonElement} button
 * @property {HTMLButtonElement} cancel
 * @property {boolean} isSeen True if a preview of the form's current values is shown, or none is needed.
 * @property {boolean} isWorking
 */

const BY = "by";

const noteField = () =>
  h(
    "label",
    { class: "field" },
    h("span", null, "Note"),
    h("input", { name: "note", maxlength: "500", placeholder: "Why; stored in the ledger" }),
  );

const byField = () =>
  h(
    "label",
    { class: "field" },
    h("span", null, "By"),
    h("input", { name: "by", maxlength: "200", placeholder: "Your name", value: sessionStorage.getItem(BY) ?? "" }),
  );

/** The fields that every question has. */
export const whyFields = () => h("div", { class: "two" }, noteField(), byField());

/**
 * The note and the name for a request's body; empty ones are left out.
 * @param {Values} values
 */
export const whyOf = ({ note, by }) => ({ ...(note ? { note } : {}), ...(by ? { by } : {}) });

/**
 * What happened to a run, in a sentence.
 * @param {RunAnswer} run
 */
export function told(run) {
  const error = run.error ? `: ${apart(run.error)}` : "";
  return [`The run is ${run.state}`, run.run_id ? `: ${run.run_id}` : error, "."];
}

/**
 * Opens the dialog for a question.
 * @param {Question} question
 */
export function ask(question) {
  const asked = drawn(question);
  const { dialog, form, button } = asked;
  form.addEventListener("input", () => leavePreview(asked));
  // A held key, or Enter in a field after a dry run, does not count as a press on the button.
  form.addEventListener("keydown", (event) => event.key === "Enter" && event.repeat && event.preventDefault());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const isInField = question.preview && asked.isSeen && document.activeElement?.matches("input");
    if (!asked.isWorking && !button.disabled && !isInField) work(asked);
  });
  stayWhileWorking(asked);
  dialog.replaceChildren(form);
  dialog.showModal();
  const first = form.querySelector("input:not([type=checkbox]), select");
  (first instanceof HTMLElement ? first : button).focus();
}

/**
 * @param {Question} question
 * @returns {Asked}
 */
function drawn(question) {
  const { title, lead, fields, label, stop, preview } = question;
  const dialog = $("ask", HTMLDialogElement);
  const answer = h("div", { "aria-live": "polite" });
  const button = h("button", { class: `main ${stop ? "stop" : ""}` }, preview ? "Dry run" : label);
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Not now");
  const acts = h("div", { class: "acts" }, cancel, button);
  const form = h(
    "form",
    null,
    h("div", { class: "title" }, h("h2", { id: "ask-title" }, title)),
    h("div", { class: "body" }, lead && h("p", { class: "soft" }, lead), fields, answer),
    acts,
  );
  return { question, dialog, form, answer, acts, button, cancel, isSeen: !preview, isWorking: false };
}

/**
 * Discards the preview, because the form has changed.
 * @param {Asked} asked
 */
function leavePreview(asked) {
  if (!asked.question.preview || !asked.isSeen) return;
  asked.isSeen = false;
  asked.answer.replaceChildren();
  say(asked.button, "Dry run");
}

/**
 * Ignores Escape while a request runs, so that its result is not lost. If the dialog is closed another way (the back
 * button of a phone), the result is reported afterwards.
 * @param {Asked} asked
 */
function stayWhileWorking(asked) {
  const waits = (/** @type {KeyboardEvent} */ event) =>
    asked.isWorking && event.key === "Escape" && event.preventDefault();
  document.addEventListener("keydown", waits); // a disabled button does not pass on key events
  asked.dialog.addEventListener("close", () => document.removeEventListener("keydown", waits), { once: true });
  asked.dialog.oncancel = (event) => {
    if (asked.isWorking) event.preventDefault();
  };
}

/** @param {Asked} asked */
async function work(asked) {
  const { question, dialog, form, answer, button, cancel } = asked;
  const values = valuesOf(form);
  if (values.by !== undefined) sessionStorage.setItem(BY, values.by);
  const shown = button.textContent ?? "";
  asked.isWorking = button.disabled = cancel.disabled = true;
  say(button, "Working …");
  try {
    if (question.preview && !asked.isSeen) showPreview(asked, await question.preview(values));
    else finish(asked, await question.act(values));
  } catch (caught) {
    answer.replaceChildren(refusal(caught, question.reads));
    say(button, shown);
    button.disabled = cancel.disabled = false;
  } finally {
    asked.isWorking = false;
    if (!dialog.open || !form.isConnected) tellLate(question.title, answer.textContent ?? "");
  }
}

/**
 * @param {HTMLFormElement} form
 * @returns {Values}
 */
const valuesOf = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));

/**
 * @param {unknown} caught
 * @param {boolean} [reads]
 */
function refusal(caught, reads) {
  const error = understood(caught);
  // The key may be for reading only.
  const message = error.status === 401 ? "This key is not allowed to do this" : error.message;
  const doubt = reads || isRefused(error) ? "" : " It is not known whether it was done; check the runs.";
  const sentence = h("span", { class: "foreign" }, `${message}.`.replace(/\.\.$/, "."));
  return h("div", { class: "answer no", role: "alert" }, sentence, doubt);
}

/**
 * @param {Asked} asked
 * @param {Preview} preview
 */
function showPreview(asked, preview) {
  asked.answer.replaceChildren(h("div", { class: "answer well" }, preview.told));
  asked.isSeen = preview.ready > 0;
  say(asked.button, asked.isSeen ? `${asked.question.label} ${many(preview.ready, "run")}` : "Dry run");
  ripen(asked.form, [asked.cancel, asked.button]);
}

/**
 * Disables new buttons for a moment: they may appear where one was just clicked, and a double click must not hit them.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement[]} buttons
 */
function ripen(form, buttons) {
  for (const one of buttons) one.disabled = true;
  setTimeout(() => {
    for (const one of buttons) one.disabled = false;
    if (form.isConnected && !form.contains(document.activeElement)) buttons.at(-1)?.focus();
  }, 600);
}

/**
 * @param {string} title
 * @param {string} text
 */
function tellLate(title, text) {
  say($("said"), `${title}: ${text}`);
  say($("toast"), `${title}: ${text}`);
  $("toast").hidden = false;
  setTimeout(() => {
    $("toast").hidden = true;
  }, 15_000);
}

/**
 * @param {Asked} asked
 * @param {Done} done
 */
function finish({ question, form, acts, dialog, answer, button, cancel }, done) {
  answer.replaceChildren(h("div", { class: "answer well" }, done.told));
  if (question.reads) {
    if (done.run) answer.append(h("p", null, showButton(dialog, done.run)));
    say(button, question.label);
    button.disabled = cancel.disabled = false;
    return;
  }
  /** @type {NodeListOf<HTMLInputElement | HTMLSelectElement | HTMLButtonElement>} */
  const fields = form.querySelectorAll("input, select, .param button");
  for (const one of fields) one.disabled = true;
  const { run } = done;
  const leave = h("button", { type: "button", class: run ? "" : "main", onclick: () => dialog.close() }, "Close");
  const buttons = run ? [leave, showButton(dialog, run)] : [leave];
  acts.replaceChildren(...buttons);
  ripen(form, buttons);
  if (run) keep([run]);
  if (done.plan) keepSchedule(done.plan);
  signal("changed");
  setTimeout(() => signal("refresh"), 1500);
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {RunAnswer} run
 */
function showButton(dialog, run) {
  const show = () => {
    dialog.close();
    openStory(run.key);
  };
  return h("button", { type: "button", class: "main", onclick: show }, "Show the run");
}
