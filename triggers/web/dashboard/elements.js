// Creates and updates the page's elements. Text from the API is always inserted as text, never as markup.

import { pressed } from "./pressing.js";

/** @typedef {Node | string | number | false | null | undefined} Single */
/** @typedef {Single | readonly Single[]} Few */
/** @typedef {Few | readonly Few[]} Several */
/** @typedef {Several | readonly Several[]} Child The content of an element; null, undefined, false and "" are ignored. */
/** @typedef {string | number | boolean | null | undefined | ((event: Event) => unknown)} Prop */

const SVG = "http://www.w3.org/2000/svg";

/**
 * The page's element with this id.
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function $(id, kind = /** @type {new () => any} */ (HTMLElement)) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${kind.name} #${id}`);
}

/**
 * Creates an HTML element. Properties that begin with "on" are listeners; empty children are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, Prop> | null} [props]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export const h = (tag, props, ...children) => dress(document.createElement(tag), props, children);

/**
 * Creates an SVG element, like `h`.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, Prop> | null} [props]
 * @param {Child[]} children
 * @returns {SVGElementTagNameMap[T]}
 */
export const s = (tag, props, ...children) => dress(document.createElementNS(SVG, tag), props, children);

/**
 * @template {Element} T
 * @param {T} node
 * @param {Record<string, Prop> | null | undefined} props
 * @param {Child[]} children
 * @returns {T}
 */
function dress(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "value") Object.assign(node, { value });
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

/**
 * The children as a flat list, without empty ones.
 * @param {readonly Child[]} children
 * @returns {(Node | string)[]}
 */
export function present(children) {
  return children.flatMap((one) => {
    if (one === null || one === undefined || one === false || one === "") return [];
    if (one instanceof Node) return [one];
    return typeof one === "object" ? present(one) : [String(one)];
  });
}

/**
 * Sets an element's text, unless it is already the same.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @type {WeakMap<Element, unknown>} */
const drawnFor = new WeakMap();

/**
 * True if `mark` differs from the one of the last call for this element; remembers it.
 * @param {Element} node
 * @param {unknown} mark
 */
export function hasChanged(node, mark) {
  if (drawnFor.has(node) && drawnFor.get(node) === mark) return false;
  drawnFor.set(node, mark);
  return true;
}

/**
 * Makes the next `hasChanged` return true.
 * @param {Element} node
 */
export const forgetDrawn = (node) => drawnFor.delete(node);

/** @type {WeakMap<Element, Map<string, { node: Element }>>} */
const rowsOf = new WeakMap();

/**
 * Gives a parent one row per item, in order. Existing rows are kept in place, so focus, open details and scroll
 * positions are kept too.
 * @template Item
 * @template {{ node: Element }} Row
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {(item: Item) => string} idOf
 * @param {(item: Item) => Row} make
 * @param {(row: Row, item: Item) => void} update
 */
export function sync(parent, items, idOf, make, update) {
  const rows = /** @type {Map<string, Row>} */ (rowsOf.get(parent) ?? new Map());
  rowsOf.set(parent, rows);
  removeOthers(parent, rows, new Set(items.map(idOf)));
  let at = parent.firstElementChild;
  for (const item of items) {
    const row = rows.get(idOf(item)) ?? make(item);
    rows.set(idOf(item), row);
    if (row.node === at) at = at.nextElementSibling;
    else parent.insertBefore(row.node, at);
    update(row, item);
  }
}

/**
 * @param {Element} parent
 * @param {Map<string, { node: Element }>} rows
 * @param {Set<string>} wanted
 */
function removeOthers(parent, rows, wanted) {
  for (const [id, { node }] of rows) {
    if (wanted.has(id)) continue;
    if (node.contains(document.activeElement)) parent.closest("section")?.querySelector("h2")?.focus();
    rows.delete(id);
    node.remove();
  }
}

/**
 * Removes every row that `sync` created.
 * @param {Element} parent
 */
export const removeRows = (parent) => removeOthers(parent, rowsOf.get(parent) ?? new Map(), new Set());

/**
 * Replaces the children and restores the focus to the child with the same data-f.
 * @param {Element} parent
 * @param {Child[]} children
 */
export function refill(parent, children) {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && parent.contains(active) ? active.dataset.f : undefined;
  const top = parent.scrollTop;
  parent.replaceChildren(...present(children));
  parent.scrollTop = top;
  if (!focused) return;
  const again = parent.querySelector(`[data-f="${CSS.escape(focused)}"]`);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

const PIECE = 12; // milliseconds

/** Lets the page respond before work continues; waits for the end of a press. */
export async function breath() {
  if (globalThis.scheduler?.yield) await globalThis.scheduler.yield();
  else await new Promise((go) => setTimeout(go));
  if (pressed()) await pressed();
}

/**
 * Processes a long list in short pieces, so that the page stays responsive; stops when `current` returns false.
 * @template Item
 * @param {readonly Item[]} items
 * @param {(item: Item) => void} work
 * @param {() => boolean} current
 */
export async function inPieces(items, work, current) {
  let until = performance.now() + PIECE;
  for (const item of items) {
    if (performance.now() > until) {
      await breath();
      if (!current()) return;
      until = performance.now() + PIECE;
    }
    work(item);
  }
}
