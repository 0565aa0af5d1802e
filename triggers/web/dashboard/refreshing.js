// Refreshes the page every 20 seconds while its tab is visible.

import { generation, hasKey, STALE, understood } from "./api.js";
import { connection, drawBanner, drawLive, drawWarnings, EVERY, noteAway, noteReached } from "./connection.js";
import { $ } from "./elements.js";
import { isGateShown, showGate, showPage } from "./gate.js";
import { searched } from "./known.js";
import { findOpen, findTrouble, isShort, loadBack, lookAtNew, lookAtOpen, lookAtSchedules } from "./loading.js";
import { pressed } from "./pressing.js";
import { addressedRun } from "./run_address.js";
import { drawRuns, loadOlder } from "./run_list.js";
import { drawSchedules } from "./schedule_list.js";
import { drawStory, showAddressedRun, shownRun } from "./story.js";
import { MINUTE, tick } from "./times.js";
import { drawTrouble } from "./trouble.js";

const LONGEST = 5 * MINUTE;
const SEARCH_EVERY = 10 * MINUTE;

let timer = 0;
/** @type {Promise<void> | null} */
let working = null;
/** @type {Promise<void> | null} */
let queued = null;
let drawings = 0;

/** Draws everything that has changed. */
export async function draw() {
  drawings += 1;
  const mine = drawings;
  if (pressed()) await pressed();
  keepingPlace(() => {
    drawBanner();
    drawWarnings();
    drawTrouble();
    drawRuns();
    drawStory();
  });
  await drawSchedules(() => mine === drawings);
  tick();
}

/**
 * Does `work`, and keeps the element that is hovered over or focused at its place on the screen. Browsers do this
 * themselves only if the page is scrolled (scroll anchoring), so that is turned off meanwhile.
 * @param {() => void} work
 */
function keepingPlace(work) {
  const focused = document.activeElement?.closest("main") ? document.activeElement : null;
  const held = [...document.querySelectorAll("main li:hover, main .run:hover")].at(-1) ?? focused;
  if (!held) {
    work();
    return;
  }
  const { style } = document.documentElement;
  const before = held.getBoundingClientRect().top;
  style.overflowAnchor = "none";
  work();
  if (held.isConnected) scrollBy(0, held.getBoundingClientRect().top - before);
  style.overflowAnchor = "";
}

function later() {
  clearTimeout(timer);
  // A hidden page does not refresh; it catches up when it becomes visible.
  if (document.hidden || isGateShown()) return;
  const { failures } = connection;
  timer = setTimeout(() => isGateShown() || refresh(), failures ? Math.min(EVERY * 2 ** failures, LONGEST) : EVERY);
}

/** Handles a change of the tab's visibility. */
export function followVisibility() {
  if (document.hidden) clearTimeout(timer);
  else if (Date.now() - connection.lastGood > EVERY) refresh();
  else later();
}

/**
 * Loads what is new; with `whole`, and otherwise every third time, also the schedules.
 * @param {boolean} [whole]
 * @returns {Promise<void>}
 */
export function refresh(whole = false) {
  if (working) {
    // The refresh that is running may have missed the change, so do another one after it.
    queued ??= working.then(() => {
      queued = null;
      return refresh(true);
    });
    return queued;
  }
  working = cycle(whole || connection.cycles % 3 === 0).finally(() => {
    working = null;
    later();
  });
  return working;
}

/** Reloads everything, including older trouble. */
export function refreshAll() {
  searched.at = 0;
  refresh(true);
}

/** @param {boolean} whole */
async function cycle(whole) {
  clearTimeout(timer);
  const isFirst = !connection.lastGood;
  const isAll = !searched.at; // the user has pressed Refresh
  if (isFirst) drawLive("busy");
  try {
    const [, hasGap] = await Promise.all([
      whole && lookAtSchedules(),
      isFirst ? loadBack() : lookAtNew(),
      !isFirst && lookAtOpen(isAll, shownRun()),
    ]);
    noteReached();
    showPage();
    await draw();
    drawLive("live");
    if (isFirst || hasGap) fillBack();
    if (isFirst) followAddress();
    else if (Date.now() - searched.at > SEARCH_EVERY) findAgain();
  } catch (error) {
    failed(error);
  }
}

/** Loads older runs in the background, until there is a week of them, or enough. */
async function fillBack() {
  const mine = generation;
  try {
    while (isShort() && mine === generation) {
      await loadBack();
      await draw();
    }
    await findFurther();
  } catch (error) {
    failed(error);
  }
}

/** Searches again for older trouble. */
async function findAgain() {
  searched.at = Date.now(); // one at a time
  try {
    await findFurther();
  } catch (error) {
    searched.at = 0;
    failed(error);
  }
}

async function findFurther() {
  await findTrouble();
  await findOpen();
  await draw();
}

/** @param {unknown} caught */
function failed(caught) {
  const error = understood(caught);
  if (error.status === STALE) return;
  if (error.status === 401) {
    showGate(hasKey() ? "This key is not accepted: it is wrong or has been renewed." : null);
    return;
  }
  noteAway(error);
  showPage();
  drawBanner();
  drawWarnings();
  drawLive("away");
}

/** Shows the run in the address; does nothing before the first refresh has succeeded. */
export async function followAddress() {
  if (addressedRun() && !connection.lastGood) return;
  try {
    await showAddressedRun();
  } catch (error) {
    failed(error);
  }
}

/** Loads older runs into the list. */
export async function showOlder() {
  const button = $("older", HTMLButtonElement);
  button.disabled = true;
  try {
    await loadOlder();
    await draw();
  } catch (error) {
    failed(error);
  }
  button.disabled = false;
}
