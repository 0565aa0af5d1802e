// While a pointer is pressed nothing is drawn: what moves between press and release is not clicked.

const LONGEST_PRESS = 3000; // a release outside the window may not be told

/** @type {Promise<void> | null} */
let press = null;
let release = () => undefined;

/** Follows the pointer. */
export function listenToPresses() {
  addEventListener("pointerdown", begin, true);
  // The click comes with the release: only then may things move.
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
 * Null while nothing is pressed, so that drawing need not wait.
 * @returns {Promise<void> | null}
 */
export const pressed = () => press;
