// Every place where the user's picture is shown.

import { element, noPicture, part } from "./dom.js";

/** @typedef {import("./framing.js").Framing} Framing */

/** @type {NodeListOf<HTMLElement>} */
const current = document.querySelectorAll("#current, .places .avatar");
/** @type {NodeListOf<HTMLElement>} */
const coming = document.querySelectorAll("#coming, .places .avatar");

/**
 * The picture that the user has, or the first letter of the name.
 * @param {string | null} url
 * @param {string} name
 */
export function showPicture(url, name) {
  for (const avatar of current) {
    const alt = avatar.id === "current" ? "Your profile picture" : "";
    avatar.replaceChildren(url ? element("img", { src: url, alt }) : initial(name));
  }
}

/** @param {string} name */
function initial(name) {
  const letter = element("span", { textContent: [...name.trim()][0] ?? "?" });
  letter.setAttribute("aria-hidden", "true");
  return letter;
}

/**
 * The photo as its crop would show it.
 * @param {string} url
 * @param {Framing} framing
 */
export function showCrop(url, framing) {
  for (const avatar of coming) {
    let photo = avatar.querySelector("img");
    if (photo?.src !== url) {
      photo = /** @type {HTMLImageElement} */ (element("img", { src: url, alt: "", className: "placed" }));
      avatar.replaceChildren(photo);
    }
    framing.place(photo, Number.parseInt(getComputedStyle(avatar).width, 10));
  }
}

/** A photo that can't be shown here, or isn't known after a reload. */
export function showNothingComing() {
  part("coming").replaceChildren(noPicture());
}
