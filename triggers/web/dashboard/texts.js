// Builds parts of sentences.

/**
 * "a, b and c".
 * @param {readonly (string | number)[]} items
 * @param {string} [last]
 */
export const listed = (items, last = "and") =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} ${last} ${items.at(-1)}`;

/**
 * "1 run", "1,000 runs".
 * @param {number} number
 * @param {string} one
 */
export const many = (number, one) => `${number.toLocaleString("en-GB")} ${number === 1 ? one : `${one}s`}`;

/** @param {unknown} text */
export const capital = (text) => String(text).charAt(0).toUpperCase() + String(text).slice(1);

/**
 * Isolates text from others, so that characters that reverse text (U+202E) have no effect outside it.
 * @param {string} text
 */
export const apart = (text) =>
  /[\u202a-\u202e\u2066-\u2069]/.test(text) ? `\u2068${text.replace(/[\u2066-\u2069]/g, "")}\u2069` : text;
