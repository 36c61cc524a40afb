// The panel that tells how far an upload is.

import { announce, part } from "./dom.js";
import { bytes } from "./words.js";

const TEXT = {
  preparing: "Preparing your photo",
  sending: "Sending",
  queued: "Waiting for its turn",
  processing: "Making your picture",
  done: "Done",
  stopping: "Stopping",
};

/** Shares of the way that are worth saying aloud. */
const SPOKEN = 25;

const bar = part("bar");
let spoken = 0;
let note = "";

/**
 * @param {keyof typeof TEXT} step
 */
export function showStep(step) {
  const steps = [...part("steps").children];
  const now = steps.findIndex((item) => item.dataset.step === step);
  steps.forEach((item, index) => {
    item.classList.toggle("past", index < now);
    if (index === now) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  part("progress-text").textContent = TEXT[step];
  part("progress-share").textContent = "";
  hideStop(!["preparing", "sending", "queued"].includes(step));
  showNote(note);
  // How long these take isn't known.
  bar.removeAttribute("value");
  spoken = 0;
  announce(TEXT[step]);
}

/**
 * The keyboard doesn't fall out of the panel with it.
 * @param {boolean} isHidden
 */
function hideStop(isHidden) {
  const hadFocus = document.activeElement === part("stop");
  part("stop").hidden = isHidden;
  if (isHidden && hadFocus) part("progress").focus();
}

/** @param {{ sent: number, total: number }} progress */
export function showSent({ sent, total }) {
  const share = total > 0 ? Math.floor((100 * sent) / total) : 100;
  bar.value = share;
  part("progress-share").textContent = `${bytes(sent)} of ${bytes(total)}`;
  showNote(note);
  if (share >= spoken + SPOKEN) {
    spoken = share - (share % SPOKEN);
    announce(`${spoken} percent sent`);
  }
}

/** @param {string} text Stays for as long as this upload is shown. */
export function showNote(text) {
  note = text;
  part("progress-note").textContent = text;
}

/** @param {string} text Stays until something moves again. */
export function showTrouble(text) {
  part("progress-note").textContent = text;
  announce(text);
}
