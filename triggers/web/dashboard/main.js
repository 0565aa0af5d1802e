// The page's entry point: connects its fields and buttons, and starts loading.

import { $, say } from "./elements.js";
import { listenToGate } from "./gate.js";
import { drawMeanings } from "./meanings.js";
import { listenToPresses } from "./pressing.js";
import { draw, followAddress, followVisibility, refresh, refreshAll, showOlder } from "./refreshing.js";
import { listenToFilters } from "./run_list.js";
import { findSchedules } from "./schedule_list.js";
import { onSignal } from "./signals.js";
import { listenToStory } from "./story.js";
import { setRange } from "./timeline.js";
import { pointAtNothing } from "./timeline_pointing.js";
import { tick } from "./times.js";

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
  addEventListener("keydown", ({ key }) => key === "Escape" && pointAtNothing());
  document.addEventListener("visibilitychange", followVisibility);
  setInterval(() => document.hidden || tick(), 10_000);
}

say($("host"), location.host);
drawMeanings();
listenToPresses();
listenToGate();
listenToSchedules();
listenToFilters();
listenToStory();
listenToPage();
refresh(true);
