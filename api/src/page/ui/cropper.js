// The crop square: the photo is moved and zoomed under it by mouse, touch and keyboard.

import { announce, part } from "./dom.js";
import { Framing } from "./framing.js";

/** As in panels.css. */
const INSET = 0.1;
/** A press that moves less than this many pixels is a click. */
const CLICK = 4;
const KEY_STEP = 0.02;
const ZOOM_STEP = 1.15;

const stage = part("stage");
const photo = part("stage-photo");
const slider = part("zoom");

/** Shared by the square, the pointers and the avatars that follow it. */
let framing = new Framing(1, 1);
let changed = () => {};

/**
 * @param {string} url Of the photo.
 * @param {(framing: Framing) => void} onChange
 * @returns {Promise<boolean>} false if the browser can't show it
 */
export async function openCropper(url, onChange) {
  photo.src = url;
  try {
    await photo.decode();
  } catch {
    return false;
  }
  // Of an upright photo: browsers heed its orientation.
  framing = new Framing(photo.naturalWidth, photo.naturalHeight);
  if (!framing.width || !framing.height) return false;
  changed = () => onChange(framing);
  slider.disabled = framing.mostZoom === 1;
  return true;
}

/** Its photo isn't kept. */
export function closeCropper() {
  photo.removeAttribute("src");
  changed = () => {};
}

export function draw() {
  const size = stage.clientWidth;
  framing.place(photo, size * (1 - 2 * INSET), size * INSET);
  slider.value = Math.round(framing.zoomShare * 100);
  slider.setAttribute("aria-valuetext", `${Math.round(framing.zoom * 100)} percent`);
  changed();
}

/** Pixels of the photo in one of the screen. */
function scale() {
  return framing.side / (stage.clientWidth * (1 - 2 * INSET));
}

/** @param {{ x: number, y: number }} point Of the window. */
function spotAt({ x, y }) {
  const box = stage.getBoundingClientRect();
  const size = box.width * (1 - 2 * INSET);
  return { x: (x - box.left - box.width * INSET) / size, y: (y - box.top - box.height * INSET) / size };
}

/** @type {Map<number, { x: number, y: number }>} */
const pointers = new Map();
let travelled = 0;

function middleAndSpread() {
  const [a, b = a] = [...pointers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.hypot(a.x - b.x, a.y - b.y) };
}

stage.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
  if (event.button !== 0 || pointers.size === 2) return;
  if (pointers.size === 0) travelled = 0;
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
});

stage.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
  if (!pointers.has(event.pointerId)) return;
  const before = middleAndSpread();
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  const now = middleAndSpread();
  travelled += Math.hypot(now.x - before.x, now.y - before.y) + Math.abs(now.spread - before.spread);
  framing.moveBy((before.x - now.x) * scale(), (before.y - now.y) * scale());
  if (before.spread > 0) framing.zoomTo((framing.zoom * now.spread) / before.spread, spotAt(now));
  draw();
});

stage.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
  const last = pointers.size === 1;
  // Dragging has to have a way without it: a click brings its spot into the middle.
  if (pointers.delete(event.pointerId) && last && travelled < CLICK) {
    const spot = spotAt({ x: event.clientX, y: event.clientY });
    framing.moveBy((spot.x - 0.5) * framing.side, (spot.y - 0.5) * framing.side);
    draw();
  }
});

stage.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => pointers.delete(event.pointerId));

stage.addEventListener(
  "wheel",
  (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    framing.zoomTo(framing.zoom * Math.exp((-event.deltaY * lines) / 400), spotAt({ x: event.clientX, y: event.clientY }));
    draw();
  },
  { passive: false },
);

/** @type {Record<string, (step: number) => void>} */
const KEYS = {
  ArrowLeft: (step) => framing.moveBy(step, 0),
  ArrowRight: (step) => framing.moveBy(-step, 0),
  ArrowUp: (step) => framing.moveBy(0, step),
  ArrowDown: (step) => framing.moveBy(0, -step),
  "+": () => framing.zoomTo(framing.zoom * ZOOM_STEP),
  "=": () => framing.zoomTo(framing.zoom * ZOOM_STEP),
  "-": () => framing.zoomTo(framing.zoom / ZOOM_STEP),
  0: () => framing.reset(),
};

stage.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(framing.side * KEY_STEP * (event.shiftKey ? 5 : 1));
  draw();
  const { x, y, width } = framing.crop;
  announce(`${width} pixels wide, ${x} from the left, ${y} from the top.`);
});

slider.addEventListener("input", () => {
  framing.zoomToShare(slider.value / 100);
  draw();
});

new ResizeObserver(() => stage.clientWidth && draw()).observe(stage);
