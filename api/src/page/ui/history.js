// The user's uploads so far, newest first, page by page.

import { element, part } from "./dom.js";
import { STATUS, ago, bytes, explained, typeName } from "./words.js";

/** @typedef {import("../client.js").Upload} Upload */
/** @typedef {import("./session.js").Session} Session */

const PAGE_SIZE = 8;

const list = part("uploads");
const more = part("more");

/** @type {string | null} */
let next = null;
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
 * @param {Session} session
 * @param {string | null} current The address of the user's picture.
 * @param {(id: string) => void} onCancel
 * @returns {Promise<Upload[]>} the newest ones; none where the server can't list
 */
export async function showHistory({ client, signal }, current, onCancel) {
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
  list.replaceChildren(...page.uploads.map((upload) => item(upload, current, onCancel)));
  part("history-empty").hidden = page.uploads.length > 0;
  continueFrom(page.next_cursor, { client, signal }, current, onCancel);
  return page.uploads;
}

/**
 * @param {string | null} cursor
 * @param {Session} session
 * @param {string | null} current
 * @param {(id: string) => void} onCancel
 */
function continueFrom(cursor, session, current, onCancel) {
  next = cursor;
  more.hidden = !cursor;
  more.onclick = async () => {
    const mine = look;
    more.disabled = true;
    const page = await session.client.list({ limit: PAGE_SIZE, cursor: next, signal: session.signal }).catch(() => null);
    more.disabled = false;
    if (!page || mine !== look) return;
    const items = page.uploads.map((upload) => item(upload, current, onCancel));
    list.append(...items);
    // The keyboard goes on with what has come.
    items[0]?.setAttribute("tabindex", "-1");
    items[0]?.focus();
    continueFrom(page.next_cursor, session, current, onCancel);
  };
}

/**
 * @param {Upload} upload
 * @param {string | null} current
 * @param {(id: string) => void} onCancel
 * @returns {HTMLElement}
 */
function item(upload, current, onCancel) {
  const { id, status, created_at, size_bytes, content_type, picture_url, failure } = upload;
  knowUpload(id);
  const isCurrent = picture_url !== null && picture_url === current;
  const picture = element("span", { className: "avatar s48" });
  picture.append(picture_url ? element("img", { src: picture_url, alt: "" }) : part("no-picture").content.cloneNode(true));
  const time = element("time", { dateTime: created_at, textContent: ago(created_at) });
  time.title = new Date(created_at).toLocaleString("en");
  const facts = element("p", { className: "upload-facts" }, time, `, ${bytes(size_bytes)}, ${typeName(content_type)}`);
  const words = element(
    "div",
    { className: "upload-words" },
    element("p", { className: `upload-status status-${status}`, textContent: isCurrent ? "Current picture" : STATUS[status] }),
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
