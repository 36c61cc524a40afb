// Choosing a photo: picked, taken, dropped or pasted.

import { part } from "./dom.js";

/**
 * @param {(file: File) => void} choose
 * @param {() => boolean} isFree Whether a photo can be taken now.
 */
export function takePhotos(choose, isFree) {
  takePicked(choose);
  takePasted((file) => isFree() && choose(file));
  takeDropped((file) => isFree() && choose(file), isFree);
}

/** @param {(file: File) => void} choose */
function takePicked(choose) {
  for (const id of ["file", "camera"]) {
    part(id).addEventListener("change", (/** @type {any} */ { target }) => {
      const [file] = target.files;
      if (file) choose(file);
      // So that the same file can be chosen again.
      target.value = "";
    });
  }
}

/** @param {(file: File) => void} choose */
function takePasted(choose) {
  document.addEventListener("paste", ({ clipboardData }) => {
    const file = clipboardData?.files[0];
    if (file) choose(file);
  });
}

/**
 * Anywhere on the page: who misses the field would else leave the page for the file.
 * @param {(file: File) => void} choose
 * @param {() => boolean} isFree
 */
function takeDropped(choose, isFree) {
  const { classList } = document.body;
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    const takes = isFree() && Boolean(event.dataTransfer?.types.includes("Files"));
    if (event.dataTransfer) event.dataTransfer.dropEffect = takes ? "copy" : "none";
    classList.toggle("dragging", takes);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    classList.remove("dragging");
    const file = event.dataTransfer?.files[0];
    if (file) choose(file);
  });
}
