// What the page says: sizes, times, states, and every failure in words that help.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const DATE = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/** @param {number} count */
export function bytes(count) {
  if (count < 1024) return `${count} bytes`;
  const kib = count / 1024;
  return kib < 1000 ? `${Math.round(kib)} KB` : `${NUMBER.format(kib / 1024)} MB`;
}

/** @param {unknown} count */
function pixels(count) {
  return `${NUMBER.format(Number(count) / 1e6)} megapixels`;
}

/** @param {string} type */
export function typeName(type) {
  return type.replace(/^image\//, "").toUpperCase();
}

/** @param {unknown} allowed */
function typeNames(allowed) {
  const names = (Array.isArray(allowed) ? allowed : ["image/jpeg", "image/png", "image/gif"]).map(typeName);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0];
}

/** @param {string} time */
export function ago(time) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 45 * 60) return AGO.format(-Math.round(seconds / 60), "minute");
  if (seconds < 22 * 3600) return AGO.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 7 * 86400) return AGO.format(-Math.round(seconds / 86400), "day");
  return DATE.format(Date.parse(time));
}

/** @param {number | null | undefined} seconds */
function later(seconds) {
  if (!seconds || seconds <= 1) return "in a moment";
  return seconds < 100 ? `in ${seconds} seconds` : `in ${Math.ceil(seconds / 60)} minutes`;
}

/** @type {Record<string, string>} */
export const STATUS = {
  queued: "Waiting",
  processing: "Being made",
  succeeded: "Made, then replaced",
  superseded: "Overtaken by a newer upload",
  rejected: "Not usable",
  failed: "Failed on our side",
  cancelled: "Cancelled",
};

/** @typedef {[string, (error: any) => string]} Words */

/** @type {Words} */
const NOT_THERE = ["This server can't do that yet", () => "Its version is older than this page's."];
/** @type {Words} */
const MISFIT = ["The server didn't understand this page", () => "They may be of different versions. Reload the page and try again."];
/** @type {Words} */
const SIGN_IN = ["Please sign in again", () => "Your sign-in has ended. What you uploaded is safe."];
/** @type {Words} */
const NOT_NOW = ["We can't do that right now", (e) => `That is on our side, and your photo is fine. Try again ${later(e.retryAfter)}.`];
/** @type {Words} */
const OUR_FAULT = ["Something went wrong on our side", () => "Your photo is fine. Try again; if it stays like this, tell us the reference below."];

/**
 * A title, and what to do about it.
 * @type {Record<string, Words>}
 */
const FAILURES = {
  file_empty: ["That file is empty", () => "It may not have been saved or downloaded completely. Choose another one."],
  invalid_format: ["That isn't a photo we can use", notThatFormat],
  file_too_large: ["That file is too large", (e) => `It has ${bytes(Number(e.actual))}; up to ${bytes(Number(e.limit))} are taken. Choose a smaller one.`],
  crop_invalid: ["That part of the photo can't be used", () => "Choose the photo once more and position it again."],
  upload_incomplete: ["The upload broke off", () => "The connection was lost on the way. Try again."],
  request_timeout: ["The upload was too slow", () => "The connection stalled. Try again, perhaps from a better network."],
  picture_corrupt: ["That photo is damaged", () => "Part of the file is missing or broken. If it opens elsewhere, save a copy there and upload that."],
  picture_too_many_pixels: ["That photo has too many pixels", (e) => `It has ${pixels(e.actual)}; up to ${pixels(e.limit)} are taken. Choose a smaller version.`],
  picture_side_too_long: ["That photo is too long", (e) => `Its longer side has ${e.actual} pixels; up to ${e.limit} are taken.`],
  picture_too_many_frames: ["That animation is too long", (e) => `It goes beyond what is taken (${e.allowed ?? e.limit}). Choose a shorter or smaller one.`],
  picture_too_complex: ["That picture takes too much work", () => "Save it as an ordinary JPEG or PNG and upload that."],
  upload_cancelled: ["The upload was cancelled", () => "Your picture stays as it was."],
  upload_not_cancellable: ["Too late to cancel", () => "The picture is already being made. You can remove it when it is done."],
  rate_limited: ["That was a lot of uploads", (e) => `Try again ${later(e.retryAfter)}.`],
  too_many_uploads_in_flight: ["Earlier uploads aren't finished", (e) => `Try again ${later(e.retryAfter)}, when one of them is done.`],
  attempts_exhausted: ["We couldn't make your picture", () => "That is on our side. We keep your photo and look into it; trying again may help."],
  upload_not_found: ["That upload isn't there any more", () => "It was removed, or belongs to somebody else."],
  user_not_found: ["We don't know you yet", () => "Your account isn't set up for pictures. Ask whoever gave you access."],
  picture_not_found: ["That picture isn't there any more", () => "It was replaced or removed."],
  idempotency_key_in_use: ["An earlier try isn't finished", (e) => `The server still has what arrived of it. Try again ${later(e.retryAfter)}.`],
  idempotency_key_reused: ["That was sent differently before", () => "Try again: it is then sent as a new upload."],
  token_keys_unavailable: ["We can't check your sign-in right now", (e) => `That is on our side, and you are still signed in. Try again ${later(e.retryAfter)}.`],
  network_error: ["We can't reach the server", () => "Check your connection and try again; nothing is sent twice."],
  file_missing: MISFIT,
  file_repeated: MISFIT,
  multipart_malformed: MISFIT,
  unsupported_media_type: MISFIT,
  idempotency_key_invalid: MISFIT,
  query_invalid: MISFIT,
  request_malformed: MISFIT,
  not_found: NOT_THERE,
  method_not_allowed: NOT_THERE,
  token_missing: SIGN_IN,
  token_invalid: SIGN_IN,
  token_expired: SIGN_IN,
  storage_unavailable: NOT_NOW,
  database_unavailable: NOT_NOW,
  overloaded: NOT_NOW,
  shutting_down: NOT_NOW,
  unexpected_error: OUR_FAULT,
  storage_error: OUR_FAULT,
  storage_permission_denied: OUR_FAULT,
  unexpected_answer: OUR_FAULT,
};

/** @param {import("../client.js").PfpError} error */
function notThatFormat({ detected, allowed }) {
  const isName = detected && !["unknown", "text"].includes(detected);
  const found = isName ? `It is ${detected.replace(/^\w+/, (word) => word.toUpperCase())}. ` : "";
  return `${found}Choose a photo in ${typeNames(allowed)}.`;
}

/**
 * @param {import("../client.js").PfpError} error
 * @returns {{ title: string, text: string }}
 */
export function explained(error) {
  const known = FAILURES[error.code];
  // A code of a newer server: its own words.
  if (!known) return { title: error.title || "That didn't work", text: error.message };
  return { title: known[0], text: known[1](error) };
}
