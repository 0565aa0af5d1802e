// Schedules left out because of errors: red rows above the others.

import { $, h, hasChanged, refill } from "./elements.js";
import { grouped, health, plans } from "./known.js";

/** @import { FaultAnswer } from "./api_types.js" */

const OF_A_SCHEDULE = /^schedules\.([A-Za-z0-9_-]+)/;

/** @param {FaultAnswer} fault */
const nameIn = ({ path }) => OF_A_SCHEDULE.exec(path)?.[1] ?? "";

/** Draws a row for each schedule that is left out. */
export function drawLeftOut() {
  const present = new Set(plans.map((one) => one.name));
  const faults = (health?.faults ?? []).filter((one) => nameIn(one) && !present.has(nameIn(one)));
  const list = $("left-out");
  list.hidden = !faults.length;
  if (hasChanged(list, JSON.stringify(faults))) refill(list, [...grouped(faults, nameIn)].map(leftOutRow));
}

/** @param {[string, FaultAnswer[]]} row */
const leftOutRow = ([name, faults]) =>
  h(
    "li",
    { class: "s-failed", "data-name": name },
    h("b", null, name),
    h("span", { class: "tag bad" }, "Left out"),
    h(
      "ul",
      { class: "small" },
      faults.map((one) => h("li", null, h("code", null, one.path), ` ${one.message}`)),
    ),
  );
