// The address of a run's details: #run/KEY.

/** @param {string} key */
export const addressOf = (key) => `#run/${encodeURIComponent(key)}`;

/** @param {string} key */
export function openStory(key) {
  location.hash = addressOf(key);
}

/** The key in the address; empty if there is none. */
export function addressedRun() {
  try {
    return decodeURIComponent(/^#run\/(.+)$/.exec(location.hash)?.[1] ?? "");
  } catch {
    return ""; // the address was truncated
  }
}

/** Removes the run from the address. */
export function leaveStory() {
  if (location.hash.startsWith("#run/")) history.replaceState(null, "", location.pathname);
}
