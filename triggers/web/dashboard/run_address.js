// The address of one run's story: #run/KEY.

/** @param {string} key */
export const addressOf = (key) => `#run/${encodeURIComponent(key)}`;

/** @param {string} key */
export function openStory(key) {
  location.hash = addressOf(key);
}

/** The key in the address; empty where there is none. */
export function addressedRun() {
  try {
    return decodeURIComponent(/^#run\/(.+)$/.exec(location.hash)?.[1] ?? "");
  } catch {
    return ""; // an address that somebody has cut off
  }
}

/** Takes the run out of the address. */
export function leaveStory() {
  if (location.hash.startsWith("#run/")) history.replaceState(null, "", location.pathname);
}
