// Signals from dialogs to the page, which they do not know: redraw it, or refresh it from the app.

/** @typedef {"changed" | "refresh"} Signal */

const signals = new EventTarget();

/** @param {Signal} name */
export const signal = (name) => signals.dispatchEvent(new Event(name));

/**
 * @param {Signal} name
 * @param {() => unknown} act
 */
export const onSignal = (name, act) => signals.addEventListener(name, act);
