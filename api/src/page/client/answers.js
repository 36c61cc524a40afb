/** A random key; randomUUID would need a secure context. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What the API is told that a file is. Text in a file named .jpg is its matter.
 * @param {Blob} file
 */
async function typeOf(file) {
  return (await inspect(file))?.type ?? "application/octet-stream";
}

/**
 * The limits that a refusal or rejection names.
 * @param {PfpError} error
 * @returns {Partial<Limits>}
 */
function limitsToldBy({ code, limit, allowed, upload }) {
  // Of a worker it means that kind of JPEG alone.
  if (code === "invalid_format" && Array.isArray(allowed) && !upload) return { allowedTypes: allowed.map(String) };
  if (typeof limit !== "number") return {};
  switch (code) {
    case "file_too_large":
      return { maxFileSize: limit };
    case "picture_too_many_pixels":
      return { maxPixels: limit };
    case "picture_side_too_long":
      return { maxSide: limit };
    default:
      return {};
  }
}

/**
 * @param {Answer} answer
 * @returns {any}
 * @throws {PfpError} it isn't a success, or not the API's
 */
function jsonOf(answer) {
  const body = parsed(answer.text);
  if (answer.status < 200 || answer.status > 299 || body === null) throw errorOf(answer);
  return body;
}
