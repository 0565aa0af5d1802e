// Links to the studio: to a run, and to the jobs of its workspace, to find one whose outcome is unknown.

import { h } from "./elements.js";
import { newest } from "./known.js";

/** @import { RunAnswer } from "./api_types.js" */

const STUDIO = "https://ml.azure.com";

/** @param {string} url */
const isWebAddress = (url) => URL.canParse(url) && new URL(url).protocol === "https:";

/**
 * The job list of the workspace of other runs of the schedule; the studio's front page if there is none yet.
 * @param {RunAnswer} run
 */
function jobsPage({ schedule }) {
  const like = newest.find((one) => one.schedule === schedule && one.studio_url && isWebAddress(one.studio_url));
  if (!like?.studio_url) return STUDIO;
  const page = new URL(like.studio_url);
  const wsid = page.searchParams.get("wsid");
  return wsid ? `${page.origin}/jobs?${new URLSearchParams({ wsid })}` : page.origin;
}

/**
 * @param {string} href
 * @param {string} words
 * @param {string} kind The classes of the link.
 */
const link = (href, words, kind) =>
  h("a", { class: kind, href, target: "_blank", rel: "noopener noreferrer", "data-f": "studio" }, words);

/**
 * A link to where an unknown run can be found; nothing for a run in another state.
 * @param {RunAnswer} run
 */
export const findLink = (run, kind = "button") =>
  run.state === "unknown" && link(jobsPage(run), "Find it in the studio ↗", kind);

/**
 * A link to the page of a run; nothing if its address is unknown.
 * @param {RunAnswer} run
 */
export const openLink = ({ studio_url: url }) =>
  url && isWebAddress(url) && link(url, "Open in the studio ↗", "button");
