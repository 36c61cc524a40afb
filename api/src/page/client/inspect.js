/**
 * What a file's first bytes say. The API tells the type by content too, so names don't matter.
 *
 * @typedef {{ type: string, width: number, height: number }} Seen As stored, before any orientation.
 */

/** No JPEG has more segments before its frame than this; many have their frame behind a large profile. */
const MOST_SEGMENTS = 2000;

/**
 * @param {Blob} file
 * @returns {Promise<Seen | null>} null if it isn't one of the API's types
 */
async function inspect(file) {
  const head = await bytesOf(file, 0, 26);
  const starts = (/** @type {string} */ text) => [...text].every((c, i) => head[i] === c.charCodeAt(0));
  const view = new DataView(head.buffer);
  if (starts("\xff\xd8\xff")) return await inspectJpeg(file);
  if (starts("\x89PNG\r\n\x1a\n") && head.length >= 24) {
    return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (starts("GIF8") && head.length >= 10) {
    return { type: "image/gif", width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  return null;
}

/**
 * From segment to segment up to the one that tells the size.
 * @param {Blob} file
 * @returns {Promise<Seen>} with sides of 0 if it is none that we understand: the API will tell
 */
async function inspectJpeg(file) {
  let at = 2;
  for (let segment = 0; segment < MOST_SEGMENTS; segment++) {
    const bytes = await bytesOf(file, at, 9);
    if (bytes.length < 9 || bytes[0] !== 0xff) break;
    if (bytes[1] === 0xff) {
      at += 1; // a fill byte
      continue;
    }
    const view = new DataView(bytes.buffer);
    if (isFrame(bytes[1])) return { type: "image/jpeg", width: view.getUint16(7), height: view.getUint16(5) };
    at += 2 + view.getUint16(2);
  }
  return { type: "image/jpeg", width: 0, height: 0 };
}

/**
 * The markers SOF0 to SOF15, among which DHT, JPG and DAC have their numbers.
 * @param {number} marker
 */
function isFrame(marker) {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/**
 * @param {Blob} file
 * @param {number} start
 * @param {number} length
 */
async function bytesOf(file, start, length) {
  return new Uint8Array(await file.slice(start, start + length).arrayBuffer());
}
