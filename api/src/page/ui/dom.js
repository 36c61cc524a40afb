// The few things that every part of the page needs.

/** @param {string} id */
export function part(id) {
  return /** @type {any} */ (document.getElementById(id));
}

/**
 * An element with its properties and children; no markup is ever made from text.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** In a picture's place. */
export function noPicture() {
  return part("no-picture").content.cloneNode(true);
}

const PANELS = ["sign-in", "choose", "crop", "progress"];

/**
 * Shows one panel of the card and hides the others.
 * @param {string | null} id
 */
export function showPanel(id) {
  for (const panel of PANELS) part(panel).hidden = panel !== id;
}

/**
 * For those who hear the page: said when what they are doing is done.
 * @param {string} text
 */
export function announce(text) {
  part("announce").textContent = text;
}
