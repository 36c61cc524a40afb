// The page: from signing in to choosing a photo, positioning it, and following it until it is the picture.

import { isFinal } from "../client.js";
import { askForToken, react, showCurrentPicture, showError, showUploads, showUser, user } from "./account.js";
import { showCrop, showNothingComing } from "./avatars.js";
import { takePhotos } from "./choosing.js";
import { closeCropper, draw, openCropper } from "./cropper.js";
import { part, showPanel } from "./dom.js";
import { hideNotice, showSuccess } from "./notice.js";
import { cancel, isRunning, resume, save, stopWaiting } from "./saving.js";
import { current, isSignedIn } from "./session.js";

/** The photo that was chosen. @type {{ file: File, url: string, crop: import("../client.js").Crop | null } | null} */
let photo = null;

async function start() {
  stopWaiting();
  hideNotice();
  if (!isSignedIn()) return askForToken();
  const { client, signal } = current();
  try {
    await showUser();
  } catch (error) {
    return showError(error, start);
  }
  showPanel("choose");
  const uploads = await showUploads();
  if (signal.aborted) return;
  const unfinished = client.unfinished.at(-1) ?? uploads.find(({ status }) => !isFinal(status))?.id;
  // A photo may have been chosen meanwhile.
  if (!unfinished || photo || isRunning()) return;
  showNothingComing();
  await resume(unfinished);
}

/** @param {File} file */
async function choose(file) {
  hideNotice();
  forgetPhoto();
  const url = URL.createObjectURL(file);
  const mine = { file, url, crop: /** @type {import("../client.js").Crop | null} */ (null) };
  photo = mine;
  const isShown = await openCropper(url, (framing) => {
    mine.crop = framing.crop;
    showCrop(url, framing);
  });
  if (photo !== mine) return;
  // What can't be shown here is for the server to tell about.
  if (!isShown) return save(file, null);
  showPanel("crop");
  draw();
  part("stage").focus();
}

function forgetPhoto() {
  if (photo) URL.revokeObjectURL(photo.url);
  photo = null;
  closeCropper();
}

function discard() {
  forgetPhoto();
  showCurrentPicture();
  showPanel("choose");
  part("file").focus();
}

async function removePicture() {
  part("remove").disabled = true;
  try {
    const { client, signal } = current();
    await client.deletePicture({ signal });
    await showUser();
    showSuccess("Your picture is removed", "Your initial is shown instead.");
    await showUploads();
  } catch (error) {
    showError(error);
  }
  part("remove").disabled = false;
}

function signedOut() {
  stopWaiting();
  forgetPhoto();
  showNothingComing();
}

react({ signedIn: start, signedOut, cancel });
takePhotos(choose, () => user !== null && !isRunning());
part("save").addEventListener("click", () => photo && save(photo.file, photo.crop));
part("discard").addEventListener("click", discard);
part("remove").addEventListener("click", removePicture);
start();
