// The link for finding a run whose outcome is unknown: the jobs of its workspace in the studio.

import { newest } from "./known.js";

/** @import { RunAnswer } from "./api_types.js" */

const STUDIO = "https://ml.azure.com";

/** @param {string} url */
export const isWebAddress = (url) => URL.canParse(url) && new URL(url).protocol === "https:";

/**
 * The job list of the workspace of other runs of the schedule; the studio's front page if there is none yet.
 * @param {RunAnswer} run
 */
export function jobsPage({ schedule }) {
  const like = newest.find((one) => one.schedule === schedule && one.studio_url && isWebAddress(one.studio_url));
  if (!like?.studio_url) return STUDIO;
  const page = new URL(like.studio_url);
  const wsid = page.searchParams.get("wsid");
  return wsid ? `${page.origin}/jobs?${new URLSearchParams({ wsid })}` : page.origin;
}
