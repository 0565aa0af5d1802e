// Switches between the page and the form that asks for a key.

import { forgetKey, hasKey, keepKey } from "./api.js";
import { connection, drawLive, forgetConnection } from "./connection.js";
import { $, forgetDrawn, removeRows, say } from "./elements.js";
import { forgetAll } from "./known.js";
import { forgetLooked } from "./loading.js";
import { signal } from "./signals.js";

export const isGateShown = () => !$("gate").hidden;

/** Shows the page with whatever there is to show. */
export function showPage() {
  showSections();
  $("gate").hidden = true;
  $("refresh").hidden = false;
  $("forget").hidden = !hasKey();
}

function showSections() {
  for (const id of ["attention", "schedules", "runs"]) $(id).hidden = !connection.lastGood;
}

/**
 * Forgets the key and everything shown with it, and asks for another key.
 * @param {string | null} because
 */
export function showGate(because) {
  forgetKey();
  const dialogs = /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll("dialog[open]"));
  for (const one of dialogs) one.close();
  forgetAll();
  forgetLooked();
  forgetConnection();
  showSections();
  for (const id of ["trouble", "plans", "rows"]) removeRows($(id));
  $("banner").hidden = $("warnings").hidden = $("refresh").hidden = $("forget").hidden = true;
  $("gate").hidden = false;
  $("gate-answer").hidden = !because;
  say($("gate-answer"), because ?? "");
  drawLive("shut");
  $("key").focus();
}

/** @param {SubmitEvent} event */
function takeKey(event) {
  event.preventDefault();
  const field = $("key", HTMLInputElement);
  const key = field.value.trim();
  const isKey = /^[\x21-\x7e]+$/.test(key);
  $("gate-answer").hidden = isKey;
  if (!isKey)
    return say($("gate-answer"), "This is not a function key: it contains characters that are not allowed in one.");
  keepKey(key);
  field.value = "";
  signal("refresh");
}

const FILLED = [
  "story",
  "ask",
  "still",
  "well",
  "by-schedule",
  "by-state",
  "banner",
  "warnings",
  "no-runs",
  "no-plans",
  "toast",
  "said",
  "tip",
];

/** Removes everything from the page that was loaded with the key. */
function leaveNothing() {
  showGate(null);
  sessionStorage.clear();
  for (const id of FILLED) {
    $(id).replaceChildren();
    forgetDrawn($(id));
  }
}

/** Handles the form for the key and the button that forgets it. */
export function listenToGate() {
  $("gate").addEventListener("submit", takeKey);
  $("forget").addEventListener("click", leaveNothing);
}
