// Keeps the page up: asks the app every 20 seconds while the tab is looked at, and draws what has come.

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
 * What the pointer is over, or what has the focus, stays where it is on the screen. Browsers see to that only where the
 * page is scrolled; where they would, they are told to leave it, or the page would move twice as far.
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
  // A hidden page asks nothing; it catches up when it is looked at again.
  if (document.hidden || isGateShown()) return;
  const { failures } = connection;
  timer = setTimeout(() => isGateShown() || refresh(), failures ? Math.min(EVERY * 2 ** failures, LONGEST) : EVERY);
}

/** The tab is looked at again, or no longer. */
export function followVisibility() {
  if (document.hidden) clearTimeout(timer);
  else if (Date.now() - connection.lastGood > EVERY) refresh();
  else later();
}

/**
 * Asks the app for what is new; with `whole` for the schedules, too, which every third time does anyway.
 * @param {boolean} [whole]
 * @returns {Promise<void>}
 */
export function refresh(whole = false) {
  if (working) {
    // What is under way may have asked already: whoever wants to see more waits for the next.
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

/** Asks for everything again, also for trouble that lies further back. */
export function refreshAll() {
  searched.at = 0;
  refresh(true);
}

/** @param {boolean} whole */
async function cycle(whole) {
  clearTimeout(timer);
  const isFirst = !connection.lastGood;
  const isAll = !searched.at; // somebody has pressed Refresh
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

/** In the background, until there is a week of runs, or enough of them. */
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

/** Looks once more for what lies further back. */
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
    showGate(hasKey() ? "This key is not accepted: it is wrong, or was renewed." : null);
    return;
  }
  noteAway(error);
  showPage();
  drawBanner();
  drawWarnings();
  drawLive("away");
}

/** Shows the run in the address; before the first answer that waits. */
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
