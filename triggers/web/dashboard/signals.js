// What a dialog asks of the page that it does not know: to be drawn anew, or to ask the app anew.

/** @typedef {"changed" | "refresh"} Signal */

const signals = new EventTarget();

/** @param {Signal} name */
export const signal = (name) => signals.dispatchEvent(new Event(name));

/**
 * @param {Signal} name
 * @param {() => unknown} act
 */
export const onSignal = (name, act) => signals.addEventListener(name, act);
