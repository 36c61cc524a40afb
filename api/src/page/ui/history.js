// The user's uploads so far, newest first, page by page.

import { element, noPicture, part } from "./dom.js";
import { STATUS, ago, bytes, explained, typeName } from "./words.js";

/** @typedef {import("../client.js").Upload} Upload */
/** @typedef {import("./session.js").Session} Session */

const PAGE_SIZE = 8;

const list = part("uploads");
const more = part("more");

/** What is shown when an older look comes back after a newer one. */
let look = 0;
/** The ids that were seen; null before any were. @type {Set<string> | null} */
let seen = null;

/** What was uploaded up to now; null where that isn't known. @returns {ReadonlySet<string> | null} */
export const knownUploads = () => seen && new Set(seen);

/** @param {string} id */
export const knowUpload = (id) => seen?.add(id);

export function forgetHistory() {
  look += 1;
  seen = null;
  list.replaceChildren();
}

/**
 * @typedef {object} View
 * @property {Session} session
 * @property {string | null} current The address of the user's picture.
 * @property {(id: string) => void} onCancel
 * @property {(error: unknown) => void} onTrouble
 */

/**
 * @param {View} view
 * @returns {Promise<Upload[]>} the newest ones; none where the server can't list
 */
export async function showHistory(view) {
  const { client, signal } = view.session;
  const mine = ++look;
  const page = await client.list({ limit: PAGE_SIZE, signal }).catch((error) => {
    // An older server has no list.
    if (error.code === "not_found" || error.code === "method_not_allowed") return null;
    throw error;
  });
  signal.throwIfAborted();
  if (mine !== look) return page?.uploads ?? [];
  part("history").hidden = !page;
  if (!page) return [];
  seen ??= new Set();
  list.replaceChildren(...page.uploads.map((upload) => item(upload, view)));
  part("history-empty").hidden = page.uploads.length > 0;
  continueFrom(page.next_cursor, view);
  return page.uploads;
}

/**
 * @param {string | null} cursor
 * @param {View} view
 */
function continueFrom(cursor, view) {
  const { client, signal } = view.session;
  more.hidden = !cursor;
  more.onclick = async () => {
    const mine = look;
    more.disabled = true;
    const page = await client.list({ limit: PAGE_SIZE, cursor, signal }).catch(view.onTrouble);
    more.disabled = false;
    if (!page || mine !== look) return;
    const items = page.uploads.map((upload) => item(upload, view));
    list.append(...items);
    // The keyboard goes on with what has come.
    items[0]?.setAttribute("tabindex", "-1");
    items[0]?.focus();
    continueFrom(page.next_cursor, view);
  };
}

/**
 * @param {Upload} upload
 * @param {View} view
 * @returns {HTMLElement}
 */
function item(upload, { current, onCancel }) {
  const { id, status, created_at, size_bytes, content_type, picture_url, failure } = upload;
  knowUpload(id);
  const isCurrent = picture_url !== null && picture_url === current;
  const picture = element("span", { className: "avatar s48" });
  picture.append(picture_url ? element("img", { src: picture_url, alt: "" }) : noPicture());
  const time = element("time", { dateTime: created_at, textContent: ago(created_at) });
  time.title = new Date(created_at).toLocaleString("en");
  const facts = element("p", { className: "upload-facts" }, time, `, ${bytes(size_bytes)}, ${typeName(content_type)}`);
  const words = element(
    "div",
    { className: "upload-words" },
    element("p", { className: `upload-status status-${isCurrent ? "current" : status}`, textContent: isCurrent ? "Current picture" : STATUS[status] }),
    facts,
  );
  if (failure) {
    const title = explained(/** @type {any} */ ({ ...failure, message: failure.detail })).title;
    words.append(element("p", { className: "upload-facts", textContent: `${title}.` }));
  }
  const made = element("li", { className: "upload" }, picture, words);
  made.dataset.id = id;
  made.dataset.status = status;
  if (status === "queued") {
    const cancel = element("button", { type: "button", textContent: "Cancel", onclick: () => onCancel(id) });
    cancel.setAttribute("aria-label", `Cancel the upload of ${time.textContent}`);
    made.append(cancel);
  }
  return made;
}
