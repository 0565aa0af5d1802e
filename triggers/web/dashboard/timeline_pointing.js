// Pointer and keyboard on a timeline: a tip for the mark that is pointed at, and a click to list its runs.

import { $, say } from "./elements.js";
import { openStory } from "./run_address.js";
import { filterRuns } from "./run_list.js";
import { about, because } from "./run_words.js";
import { countsInWords, marksOf } from "./timeline.js";
import { local, localWithSeconds } from "./times.js";

/** @import { Mark } from "./timeline.js" */

const REACH = 9; // pixels

/** @param {Mark} mark */
function markText({ found, from, to }) {
  const [run] = found;
  if (found.length > 1) return `${local(from)} to ${local(to)}\n${countsInWords(found, { reasons: true }).join(", ")}`;
  const first = `${run.state}, ${localWithSeconds(run.created_at)}`;
  return [first, about(run), because(run)].filter(Boolean).join("\n");
}

/** Hides the tip and the frame around its mark. */
export function pointAtNothing() {
  if ($("tip").hidden) return;
  for (const one of document.querySelectorAll(".chosen[visibility=visible]")) one.setAttribute("visibility", "hidden");
  $("tip").hidden = true;
}

/**
 * @param {SVGElement} svg
 * @param {Mark | undefined} mark
 */
function pointAt(svg, mark) {
  pointAtNothing();
  const chosen = svg.querySelector(".chosen");
  if (!mark || !chosen) return;
  chosen.setAttribute("x", String(mark.x - 5.5));
  chosen.setAttribute("visibility", "visible");
  const tip = $("tip");
  tip.hidden = false;
  say(tip, markText(mark));
  const box = svg.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + mark.x - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 2;
  tip.style.translate = `${left}px ${above > 56 ? above : box.bottom + 2}px`;
}

/**
 * @param {SVGElement} svg
 * @param {PointerEvent | MouseEvent} event
 */
function nearest(svg, event) {
  const x = event.clientX - svg.getBoundingClientRect().left;
  const close = marksOf(svg).filter((mark) => Math.abs(mark.x - x) < REACH);
  return close.sort((one, other) => Math.abs(one.x - x) - Math.abs(other.x - x))[0];
}

/**
 * @param {Mark | undefined} mark
 * @param {string} schedule
 */
function showRuns(mark, schedule) {
  if (!mark) return;
  pointAtNothing();
  if (mark.found.length === 1) openStory(mark.found[0].key);
  else filterRuns({ schedule, period: { from: mark.from, to: mark.to } });
}

/**
 * Handles pointer and keyboard on a strip.
 * @param {SVGElement} svg
 * @param {string} schedule
 */
export function listenToStrip(svg, schedule) {
  svg.addEventListener("pointermove", (event) => pointAt(svg, nearest(svg, event)));
  svg.addEventListener("pointerleave", pointAtNothing);
  svg.addEventListener("click", (event) => showRuns(nearest(svg, event), schedule));
  svg.addEventListener("blur", pointAtNothing);
  let chosen = -1;
  svg.addEventListener("keydown", (event) => {
    const marks = marksOf(svg);
    if (event.key === "Enter") showRuns(marks[chosen], schedule);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !marks.length) return;
    event.preventDefault();
    chosen = stepped(chosen, step, marks.length - 1);
    pointAt(svg, marks[chosen]);
    say($("said"), markText(marks[chosen]));
  });
}

/**
 * @param {number} chosen
 * @param {number} step
 * @param {number} last
 */
const stepped = (chosen, step, last) =>
  chosen < 0 || chosen > last ? last : Math.min(last, Math.max(0, chosen + step));
