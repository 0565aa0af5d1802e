// Folds similar adjacent runs in the list: a few are shown for all of them until the user unfolds them.

/** @import { Run } from "./known.js" */

/** @typedef {{ id: string, run: Run, hidden: number }} Line A run, and how many similar ones are folded up behind it. */

const SHOWN = 2;
const WORTH_IT = 5;

/** @type {Set<string>} The unfolded groups, by the key of their oldest run: newer runs join the group. */
const unfolded = new Set();

/** @param {string} id */
export const unfold = (id) => unfolded.add(id);

/** @param {Run} run */
const kindOf = ({ schedule, state, reason, kind, requested_by: by, note }) =>
  JSON.stringify([schedule, state, reason, kind, by, note]);

/**
 * The lines of a list. Only skipped and finished runs are folded: those that need attention are always shown.
 * @param {readonly Run[]} found
 * @returns {Line[]}
 */
export function linesOf(found) {
  /** @type {Run[][]} */
  const rows = [];
  for (const run of found) {
    const row = rows.at(-1);
    if (row && kindOf(row[0]) === kindOf(run)) row.push(run);
    else rows.push([run]);
  }
  return rows.flatMap(folded);
}

/**
 * @param {Run[]} row
 * @returns {Line[]}
 */
function folded(row) {
  const [{ state }] = row;
  const id = row.at(-1)?.key ?? "";
  const isFolded = row.length >= WORTH_IT && (state === "skipped" || state === "finished") && !unfolded.has(id);
  const shown = isFolded ? row.slice(0, SHOWN) : row;
  return shown.map((run, number) => ({
    id,
    run,
    hidden: isFolded && number === SHOWN - 1 ? row.length - SHOWN : 0,
  }));
}
