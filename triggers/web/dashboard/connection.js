// The state of the connection: a word in the header, and a banner with errors.

import { $, h, hasChanged, refill, say } from "./elements.js";
import { health } from "./known.js";
import { signal } from "./signals.js";
import { many } from "./texts.js";
import { localWithSeconds, SECONDS } from "./times.js";

/**
 * @import { Failed } from "./api.js"
 * @import { Several } from "./elements.js"
 */

export const EVERY = 20_000; // milliseconds

export const connection = {
  cycles: 0, // successful ones
  failures: 0, // in a row
  lastGood: 0, // time of the last complete success; 0 if there was none yet
  awayBecause: /** @type {Failed | null} */ (null),
};

export function noteReached() {
  const cycles = connection.cycles + 1;
  Object.assign(connection, { cycles, failures: 0, lastGood: Date.now(), awayBecause: null });
}

/** @param {Failed} error */
export function noteAway(error) {
  connection.failures += 1;
  connection.awayBecause = error;
}

export function forgetConnection() {
  Object.assign(connection, { cycles: 0, failures: 0, lastGood: 0, awayBecause: null });
}

/**
 * Shows the state of the connection in the header.
 * @param {"busy" | "live" | "away" | "shut"} state
 */
export function drawLive(state) {
  const { awayBecause, lastGood } = connection;
  const words = {
    busy: "Loading …",
    live: `Live, ${SECONDS.format(lastGood)}`,
    away: awayBecause?.status ? "App error" : "Not reachable",
    shut: "No key yet",
  };
  $("live").dataset.is = state;
  say($("live"), words[state]);
  const rhythm = `refreshed every ${EVERY / 1000} seconds while this tab is visible`;
  $("live").title = lastGood ? `State of ${localWithSeconds(lastGood)}; ${rhythm}` : "";
}

export function drawBanner() {
  const { awayBecause, failures, lastGood } = connection;
  const away = awayBecause && [awayBecause.message, failures > 1, lastGood];
  const wrong = [health?.status, health?.ledger, health?.faults];
  if (!hasChanged($("banner"), JSON.stringify([away, wrong]))) return;
  const lines = awayBecause ? awayLines(awayBecause) : healthLines();
  const again = { "data-f": "again", onclick: () => signal("refresh") };
  $("banner").hidden = !lines.length;
  refill($("banner"), [h("div", null, lines), awayBecause && h("button", again, "Try now")]);
}

/** @param {Failed} error */
function awayLines(error) {
  const { failures, lastGood } = connection;
  const since = lastGood ? ` The page shows the state of ${localWithSeconds(lastGood)}.` : "";
  const soon = failures > 1 ? "less and less often" : "soon";
  return [h("strong", null, `${error.message}.`), `${since} Trying again ${soon}.`];
}

/** Draws the warnings, folded up: they stay until the file or the settings are edited. */
export function drawWarnings() {
  const warnings = health?.warnings ?? [];
  $("warnings").hidden = !warnings.length;
  if (!hasChanged($("warnings"), JSON.stringify(warnings))) return;
  const items = warnings.map((one) => h("li", null, one));
  refill($("warnings"), [h("summary", null, many(warnings.length, "warning")), h("ul", null, items)]);
}

/** @returns {Several[]} */
function healthLines() {
  if (!health || health.status === "ok") return [];
  const faults = health.faults ?? [];
  const items = faults
    .slice(0, 20)
    .map((one) => h("li", null, h("code", null, `${one.file}: ${one.path}`), ` ${one.message}`));
  return [
    h("strong", null, "The app reports a problem."),
    health.ledger !== "ok" ? ` ${health.ledger}` : "",
    h("ul", null, items),
  ];
}
