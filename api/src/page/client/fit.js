/**
 * Makes a photo that the API wouldn't take into one that it takes, where the browser can show it.
 *
 * @typedef {object} Limits
 * @property {number} maxFileSize Bytes.
 * @property {number} maxPixels Width times height.
 * @property {number} maxSide Pixels.
 * @property {string[]} allowedTypes
 *
 * @typedef {object} Fitted What is sent.
 * @property {Blob} body
 * @property {string} type
 * @property {Crop | null} crop
 * @property {boolean} reencoded
 */

/** The largest side that a server can be told to make its pictures: more pixels make no better one. */
const ENOUGH_PIXELS_A_SIDE = 2048;
/** The largest canvas that every browser can draw. */
const LARGEST_CANVAS = 16_000_000;
const QUALITY = 0.9;
const TRIES = 8;

/**
 * @param {Blob} file
 * @param {Crop | null} crop
 * @param {Limits} limits
 * @returns {Promise<Fitted>} the file itself if it fits, or if the browser can't do anything about it
 */
async function fit(file, crop, limits) {
  const seen = await inspect(file);
  const asItIs = { body: file, type: seen?.type ?? "application/octet-stream", crop, reencoded: false };
  if (file.size === 0 || (seen && fits(file, seen, limits))) return asItIs;
  const bitmap = await decoded(file);
  if (!bitmap) return asItIs;
  try {
    return (await reencoded(bitmap, crop, limits)) ?? asItIs;
  } finally {
    bitmap.close();
  }
}

/**
 * @param {Blob} file
 * @param {Seen} seen
 * @param {Limits} limits
 */
function fits(file, { type, width, height }, { maxFileSize, maxPixels, maxSide, allowedTypes }) {
  const smallEnough = width * height <= maxPixels && Math.max(width, height) <= maxSide;
  return allowedTypes.includes(type) && file.size <= maxFileSize && smallEnough;
}

/** Older browsers draw in pages alone. */
function canDraw() {
  return "document" in globalThis || "OffscreenCanvas" in globalThis;
}

/**
 * Upright, as the crop is meant.
 * @param {Blob} file
 * @returns {Promise<ImageBitmap | null>} null if the browser can't show it
 */
async function decoded(file) {
  if (!canDraw()) return null;
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

/**
 * The crop is cut out here: every pixel that is sent is one that is used.
 * @param {ImageBitmap} bitmap
 * @param {Crop | null} crop
 * @param {Limits} limits
 * @returns {Promise<Fitted | null>}
 */
async function reencoded(bitmap, crop, limits) {
  const area = clamped(crop ?? { x: 0, y: 0, width: bitmap.width, height: bitmap.height }, bitmap);
  if (!area) return null;
  const type = typeFor(bitmap, area, limits.allowedTypes);
  if (!type) return null;
  let scale = scaleFor(area, limits);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const body = await encoded(drawn(bitmap, area, scale, type), type);
    if (!body) return null;
    if (body.size <= limits.maxFileSize) return { body, type, crop: null, reencoded: true };
    // A file shrinks about as its area does.
    scale *= Math.max(0.2, Math.min(0.9, 0.9 * Math.sqrt(limits.maxFileSize / body.size)));
  }
  return null;
}

/**
 * As the API does it: rounded, and without what is beyond the picture.
 * @param {Crop} crop
 * @param {{ width: number, height: number }} picture
 * @returns {Crop | null} null if nothing is left
 */
function clamped(crop, picture) {
  const [x, y] = [Math.round(crop.x), Math.round(crop.y)];
  const width = Math.min(Math.round(crop.width), picture.width - x);
  const height = Math.min(Math.round(crop.height), picture.height - y);
  return x >= 0 && y >= 0 && width > 0 && height > 0 ? { x, y, width, height } : null;
}

/**
 * @param {Crop} area
 * @param {Limits} limits
 */
function scaleFor({ width, height }, { maxPixels, maxSide }) {
  const most = Math.min(maxPixels, LARGEST_CANVAS);
  return Math.min(
    1,
    ENOUGH_PIXELS_A_SIDE / Math.min(width, height),
    maxSide / Math.max(width, height),
    Math.sqrt(most / (width * height)),
  );
}

/**
 * PNG where something is transparent, else JPEG; the other one where a server doesn't take that.
 * @param {ImageBitmap} bitmap
 * @param {Crop} area
 * @param {string[]} allowed
 */
function typeFor(bitmap, area, allowed) {
  const types = isOpaque(bitmap, area) ? ["image/jpeg", "image/png"] : ["image/png", "image/jpeg"];
  return types.find((type) => allowed.includes(type)) ?? null;
}

/**
 * @param {ImageBitmap} bitmap
 * @param {Crop} area
 */
function isOpaque(bitmap, area) {
  // A small copy shows it as well, unless it is but a few pixels that nobody would see.
  const scale = Math.min(1, 128 / Math.max(area.width, area.height));
  const canvas = drawn(bitmap, area, scale, "image/png");
  const { data } = contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] < 255) return false;
  }
  return true;
}

/**
 * @param {ImageBitmap} bitmap
 * @param {Crop} area
 * @param {number} scale
 * @param {string} type
 */
function drawn(bitmap, area, scale, type) {
  const canvas = canvasOf(Math.max(1, Math.floor(area.width * scale)), Math.max(1, Math.floor(area.height * scale)));
  const context = contextOf(canvas);
  if (type === "image/jpeg") {
    // JPEG knows no transparency; it would come out black.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, area.x, area.y, area.width, area.height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @typedef {HTMLCanvasElement | OffscreenCanvas} Canvas A worker has no document. */

/**
 * @param {number} width
 * @param {number} height
 * @returns {Canvas}
 */
function canvasOf(width, height) {
  if (!("document" in globalThis)) return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** @param {Canvas} canvas */
function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * @param {Canvas} canvas
 * @param {string} type
 * @returns {Promise<Blob | null>}
 */
function encoded(canvas, type) {
  if ("convertToBlob" in canvas) return canvas.convertToBlob({ type, quality: QUALITY });
  return new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
}
