// An upload under way: sent, followed, stopped, and what comes of it.

import { isFinal } from "../client.js";
import { showCurrentPicture, showError, showUploads, showUser } from "./account.js";
import { showNothingComing } from "./avatars.js";
import { announce, part, showPanel } from "./dom.js";
import { knowUpload } from "./history.js";
import { hideNotice, showRemark, showSuccess } from "./notice.js";
import { showNote, showSent, showStep, showTrouble } from "./progress.js";
import { current } from "./session.js";
import { Sending } from "./stopping.js";
import { bytes, explained, typeName } from "./words.js";

/** @typedef {import("../client.js").Upload} Upload */
/** @typedef {import("../client.js").PfpError} PfpError */
/** @typedef {import("../client.js").Crop} Crop */

/**
 * What is under way: its id, once it is known.
 * @typedef {{ id: string | null }} Subject
 */

/** @type {{ stop: AbortController, subject: Subject } | null} */
let running = null;

export const isRunning = () => running !== null;

/** The waiting ends; the upload itself goes on. */
export function stopWaiting() {
  running?.stop.abort();
}

/**
 * @param {File} file
 * @param {Crop | null} crop
 * @param {Sending} [sending] A try whose outcome isn't known.
 * @returns {Promise<void>}
 */
export async function save(file, crop, sending = new Sending()) {
  if (!crop) showNothingComing();
  const work = (/** @type {AbortSignal} */ signal) =>
    current().client.upload(file, {
      crop,
      signal,
      idempotencyKey: sending.key,
      onPrepared: (prepared) => {
        Object.assign(sending, { size: prepared.size, type: prepared.type });
        const became = `${bytes(file.size)} became ${bytes(prepared.size)}, ${typeName(prepared.type)}`;
        showNote(prepared.reencoded ? `Converted on this device: ${became}.` : "");
        showStep("sending");
      },
      onProgress: (progress) => {
        sending.hasGone ||= progress.sent >= progress.total;
        showSent(progress);
      },
      onAccepted: ({ id }) => {
        sending.id = id;
        knowUpload(id);
      },
      onRetry: showRetry,
      onStatus: showState,
    });
  await run("preparing", sending, work, (error) => {
    // What has ended needs a new key; what may have arrived must not be taken twice.
    const isOver = error.upload || error.code === "idempotency_key_reused";
    return save(file, crop, isOver ? undefined : sending);
  });
}

/**
 * Follows an upload that was sent before.
 * @param {string} id
 * @param {string} [note]
 * @returns {Promise<void>}
 */
export async function resume(id, note = "") {
  const following = (/** @type {AbortSignal} */ signal) =>
    current().client.follow(id, { signal, onStatus: showState, onRetry: showRetry });
  await run("queued", { id }, following, () => resume(id), note);
}

/**
 * @param {"preparing" | "queued"} step
 * @param {Subject} subject
 * @param {(signal: AbortSignal) => Promise<Upload>} work
 * @param {(error: PfpError) => void} again
 * @param {string} [note]
 */
async function run(step, subject, work, again, note = "") {
  const session = current().signal;
  const mine = { stop: new AbortController(), subject };
  running = mine;
  hideNotice();
  showPanel("progress");
  showNote(note);
  showStep(step);
  part("progress").focus();
  /** @type {any} An upload, or why there is none. */
  let outcome = await work(mine.stop.signal).catch((error) => error);
  const isStopped = outcome.name === "AbortError" && !session.aborted;
  if (isStopped && subject instanceof Sending) outcome = await takenBack(subject);
  if (running === mine) running = null;
  // Another user may be here.
  if (session.aborted) return;
  if (isStopped && outcome?.id && !isFinal(outcome.status)) return await resume(outcome.id, TOO_LATE);
  await finish(outcome, again, isStopped);
}

const TOO_LATE = "It can't be stopped any more: it had arrived, and the picture is being made.";

/** @param {Sending} sending */
async function takenBack(sending) {
  showNote("");
  showStep("stopping");
  try {
    return (await sending.takeBack()) ?? { status: sending.hasGone ? "gone" : "unsent" };
  } catch {
    return { status: "unknown" };
  }
}

/**
 * @param {any} outcome
 * @param {(error: PfpError) => void} again
 * @param {boolean} isStopped
 */
async function finish(outcome, again, isStopped) {
  const session = current().signal;
  const isGood = !(outcome instanceof Error);
  if (isGood && !isStopped) showStep("done");
  // Without an answer the card shows what it knew.
  await showUser().catch(showCurrentPicture);
  if (session.aborted) return;
  showPanel("choose");
  if (!isGood) finishBadly(outcome, again);
  else if (isStopped) STOPPED[outcome.status]();
  else if (outcome.status === "succeeded") showSuccess("Your new picture is live", "It is shown wherever you appear.");
  else showSuccess("You uploaded a newer one meanwhile", "That one is shown; this one isn't needed any more.");
  if (!session.aborted) showUploads();
}

function stayed() {
  announce("Stopped. Your picture stays as it was.");
  part("file").focus();
}

/** @type {Record<string, () => void>} */
const STOPPED = {
  cancelled: stayed,
  rejected: stayed,
  failed: stayed,
  superseded: stayed,
  succeeded: () => showRemark("Too late to stop", "Your photo had arrived already, and is your picture now."),
  unsent: stayed,
  gone: () => {
    showRemark("Stopped", "Your photo had been sent, but nothing has arrived so far. If it still does, it appears below: cancel it there.");
    setTimeout(showUploads, LATE * 1000);
  },
  unknown: () => showRemark("Stopped, perhaps too late", "The server can't be asked whether your photo had arrived. Reload this page later to see."),
};

/** Seconds after which even a slow network has passed on what a browser had given it. */
const LATE = 8;

const CAN_BE_REPEATED = ["upload_incomplete", "upload_cancelled", "idempotency_key_reused"];

/**
 * @param {any} error
 * @param {(error: PfpError) => void} again
 */
function finishBadly(error, again) {
  const canHelp = error.temporary || error.status >= 429 || CAN_BE_REPEATED.includes(error.code);
  showError(error, canHelp ? () => again(error) : null);
}

/** @param {Upload} upload */
function showState({ status }) {
  if (isFinal(status)) return;
  showStep(/** @type {"queued" | "processing"} */ (status));
  showUploads();
}

/** @param {{ error: PfpError, delay: number }} retry */
function showRetry({ error, delay }) {
  const isHeld = error.code === "idempotency_key_in_use";
  const trouble = isHeld ? "The server isn't done with an earlier try" : "The server can't be reached or is busy";
  showTrouble(`${trouble}. Trying again in ${Math.ceil(delay)} s.`);
}

/**
 * Whoever follows the upload hears of it.
 * @param {string} id
 */
export async function cancel(id) {
  const { client, signal } = current();
  part("stop").disabled = true;
  try {
    await client.cancel(id, { signal });
  } catch (error) {
    if (running && !signal.aborted) showNote(`${explained(/** @type {PfpError} */ (error)).title}.`);
    else showError(error);
  }
  part("stop").disabled = false;
  await showUploads();
}

part("stop").addEventListener("click", () => {
  if (!running) return;
  if (running.subject.id) cancel(running.subject.id);
  else stopWaiting();
});
