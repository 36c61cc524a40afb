// How something ended: well, or with words of what to do about it.

import { announce, part } from "./dom.js";
import { explained } from "./words.js";

const notice = part("notice");
let again = () => {};

part("notice-again").addEventListener("click", () => again());

/**
 * @param {string} title
 * @param {string} text
 */
export function showSuccess(title, text) {
  show("good", title, text);
}

/**
 * Neither well nor badly.
 * @param {string} title
 * @param {string} text
 */
export function showRemark(title, text) {
  show("remark", title, text);
}

/**
 * @param {import("../client.js").PfpError} error
 * @param {(() => void) | null} [tryAgain]
 */
export function showFailure(error, tryAgain = null) {
  const { title, text } = explained(error);
  show("bad", title, text);
  const reference = error.requestId ?? error.upload?.id;
  part("notice-reference").textContent = reference ? `${error.code}, reference ${reference}` : error.code;
  part("notice-reference").hidden = false;
  part("notice-again").hidden = !tryAgain;
  again = tryAgain ?? again;
}

export function hideNotice() {
  notice.hidden = true;
}

/**
 * Focus goes to it, so that it is read and the keyboard goes on from here.
 * @param {"good" | "bad" | "remark"} kind
 * @param {string} title
 * @param {string} text
 */
function show(kind, title, text) {
  for (const one of ["good", "bad", "remark"]) notice.classList.toggle(one, one === kind);
  part("notice-title").textContent = title;
  part("notice-text").textContent = text;
  part("notice-reference").hidden = true;
  part("notice-again").hidden = true;
  notice.hidden = false;
  announce(`${title}. ${text}`);
  notice.focus();
}
