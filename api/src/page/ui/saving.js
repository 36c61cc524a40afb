// An upload under way: sent, followed, stopped, and what comes of it.

import { isFinal } from "../client.js";
import { client, isSignedIn, showCurrentPicture, showError, showUploads, showUser } from "./account.js";
import { showNothingComing } from "./avatars.js";
import { announce, part, showPanel } from "./dom.js";
import { hideNotice, showSuccess } from "./notice.js";
import { showNote, showSent, showStep } from "./progress.js";
import { bytes, explained, typeName } from "./words.js";

/** @typedef {import("../client.js").Upload} Upload */
/** @typedef {import("../client.js").PfpError} PfpError */
/** @typedef {import("../client.js").Crop} Crop */

/** @type {{ stop: AbortController, id: string | null } | null} */
let running = null;

export const isRunning = () => running !== null;

/** The waiting ends; the upload itself goes on. */
export function stopWaiting() {
  running?.stop.abort();
}

/**
 * @param {File} file
 * @param {Crop | null} crop
 * @param {string} [key] The idempotency key of a try whose outcome isn't known.
 * @returns {Promise<void>}
 */
export async function save(file, crop, key = crypto.getRandomValues(new Uint32Array(4)).join("-")) {
  if (!crop) showNothingComing();
  const sending = (/** @type {AbortSignal} */ signal) =>
    client.upload(file, {
      crop,
      signal,
      idempotencyKey: key,
      onPrepared: (prepared) => {
        showStep("sending");
        const became = `${bytes(file.size)} became ${bytes(prepared.size)}, ${typeName(prepared.type)}`;
        if (prepared.reencoded) showNote(`Converted on this device: ${became}.`);
      },
      onProgress: showSent,
      onRetry: showRetry,
      onStatus: showState,
    });
  await run("preparing", sending, (error) => {
    // What has ended needs a new key; what may have arrived must not be taken twice.
    const isOver = error.upload || error.code === "idempotency_key_reused";
    return save(file, crop, isOver ? undefined : key);
  });
}

/**
 * Follows an upload that was sent before this page was loaded.
 * @param {string} id
 * @returns {Promise<void>}
 */
export async function resume(id) {
  showNothingComing();
  const following = (/** @type {AbortSignal} */ signal) =>
    client.follow(id, { signal, onStatus: showState, onRetry: showRetry });
  await run("queued", following, () => resume(id));
}

/**
 * @param {"preparing" | "queued"} step
 * @param {(signal: AbortSignal) => Promise<Upload>} work
 * @param {(error: PfpError) => void} again
 */
async function run(step, work, again) {
  hideNotice();
  const mine = { stop: new AbortController(), id: null };
  running = mine;
  showPanel("progress");
  showNote("");
  showStep(step);
  part("progress").focus();
  let outcome;
  try {
    outcome = await work(mine.stop.signal);
  } catch (error) {
    outcome = error;
  }
  if (running === mine) running = null;
  if (isSignedIn()) await finish(outcome, again);
}

/**
 * @param {any} outcome An upload, or why there is none.
 * @param {(error: PfpError) => void} again
 */
async function finish(outcome, again) {
  const isGood = !(outcome instanceof Error);
  if (isGood) showStep("done");
  // Without an answer the card shows what it knew.
  await showUser().catch(showCurrentPicture);
  if (!isSignedIn()) return;
  showPanel("choose");
  if (!isGood) return finishBadly(outcome, again);
  if (outcome.status === "succeeded") showSuccess("Your new picture is live", "It is shown wherever you appear.");
  else showSuccess("You uploaded a newer one meanwhile", "That one is shown; this one isn't needed any more.");
  showUploads();
}

/**
 * @param {any} error
 * @param {(error: PfpError) => void} again
 */
function finishBadly(error, again) {
  if (error.name === "AbortError") {
    announce("Stopped. Your picture stays as it was.");
    part("file").focus();
  } else {
    const canHelp = error.temporary || error.status >= 429 || ["upload_incomplete", "upload_cancelled"].includes(error.code);
    showError(error, canHelp ? () => again(error) : null);
  }
  if (isSignedIn()) showUploads();
}

/** @param {Upload} upload */
function showState({ id, status }) {
  if (running) running.id = id;
  if (isFinal(status)) return;
  showStep(/** @type {"queued" | "processing"} */ (status));
  showUploads();
}

/** @param {{ delay: number }} retry */
function showRetry({ delay }) {
  showNote(`The server can't be reached or is busy. Trying again in ${Math.ceil(delay)} s.`);
}

/**
 * Whoever follows the upload hears of it.
 * @param {string} id
 */
export async function cancel(id) {
  part("stop").disabled = true;
  try {
    await client.cancel(id);
  } catch (error) {
    if (running) showNote(`${explained(/** @type {PfpError} */ (error)).title}.`);
    else showError(error);
  }
  part("stop").disabled = false;
  await showUploads();
}

part("stop").addEventListener("click", () => {
  if (running?.id) cancel(running.id);
  else stopWaiting();
});
