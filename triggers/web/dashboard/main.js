// Where the page begins: what its fields and buttons do, and the first look at the app.

import { $, h, say } from "./elements.js";
import { listenToGate } from "./gate.js";
import { listenToPresses } from "./pressing.js";
import { draw, followAddress, followVisibility, refresh, refreshAll, showOlder } from "./refreshing.js";
import { listenToFilters } from "./run_list.js";
import { findSchedules } from "./schedule_list.js";
import { onSignal } from "./signals.js";
import { badge } from "./state_signs.js";
import { listenToStory } from "./story.js";
import { setRange } from "./timeline.js";
import { pointAtNothing } from "./timeline_pointing.js";
import { tick } from "./times.js";

/** @import { RunState } from "./api_types.js" */

/** @type {RunState[]} Those that look alike are there once. */
const LEGEND = ["finished", "submitted", "waiting", "unsent", "unknown", "failed", "canceled", "untracked", "skipped"];

function drawLegend() {
  const badges = LEGEND.map((state) => (state === "failed" ? badge(state, "failed, rejected, dead") : badge(state)));
  $("legend").replaceChildren(...badges, h("span", null, "○ to come"));
}

function listenToSchedules() {
  const find = $("find", HTMLInputElement);
  find.addEventListener("input", () => {
    findSchedules(find.value.trim());
    draw();
  });
  $("range").addEventListener("change", ({ target }) => {
    setRange(Number(target instanceof HTMLInputElement && target.value));
    draw();
  });
}

function listenToPage() {
  onSignal("changed", draw);
  onSignal("refresh", () => refresh(true));
  $("refresh").addEventListener("click", refreshAll);
  $("older").addEventListener("click", showOlder);
  addEventListener("hashchange", followAddress);
  addEventListener("resize", draw);
  addEventListener("scroll", pointAtNothing, { passive: true });
  document.addEventListener("visibilitychange", followVisibility);
  setInterval(() => document.hidden || tick(), 10_000);
}

say($("host"), location.host);
drawLegend();
listenToPresses();
listenToGate();
listenToSchedules();
listenToFilters();
listenToStory();
listenToPage();
refresh(true);
