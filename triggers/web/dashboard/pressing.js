// Pauses drawing while a pointer is pressed: an element that moves between press and release gets no click.

const LONGEST_PRESS = 3000; // in milliseconds; a release outside the window may not be reported

/** @type {Promise<void> | null} */
let press = null;
let release = () => undefined;

/** Tracks presses of the pointer. */
export function listenToPresses() {
  addEventListener("pointerdown", begin, true);
  // The click event follows the release; elements may move only after it.
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => setTimeout(() => release()), true);
}

function begin() {
  release();
  press = new Promise((resolve) => {
    release = () => {
      press = null;
      resolve();
    };
  });
  setTimeout(release, LONGEST_PRESS);
}

/**
 * Resolves when the pointer is released; null if it is not pressed.
 * @returns {Promise<void> | null}
 */
export const pressed = () => press;
