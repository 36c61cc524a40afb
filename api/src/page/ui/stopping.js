// What was stopped while it was sent: its last byte may have been faster, and then the server takes it all the same.

import { isFinal } from "../client.js";
import { knownUploads } from "./history.js";
import { current } from "./session.js";

/** @typedef {import("../client.js").Upload} Upload */

/** Seconds before each look: what has arrived is in the list as soon as it is stored and accepted. */
const LOOKS = [0.3, 1, 2];
/** How many of the newest are looked at: fewer than the page knows, and more than may come from elsewhere meanwhile. */
const NEWEST = 5;

/** What one photo was sent as, over all tries with its key. */
export class Sending {
  key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  /** The id, once it is known that it was accepted. @type {string | null} */
  id = null;
  /** Whether every byte of it has gone at some time: until then it can't be accepted. */
  hasGone = false;
  size = 0;
  type = "";
  #before = knownUploads();

  /**
   * Takes it back, if it has arrived.
   * @returns {Promise<Upload | null>} as it is now, if it has
   * @throws {import("../client.js").PfpError} it can't be told
   */
  async takeBack() {
    // Of the last bytes one hears a little later than they go: one look in any case.
    for (const seconds of this.hasGone ? LOOKS : LOOKS.slice(0, 1)) {
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      const upload = await this.#arrived();
      if (upload) return isFinal(upload.status) ? upload : await cancelled(upload);
    }
    return null;
  }

  async #arrived() {
    const { client, signal } = current();
    if (this.id) return await client.status(this.id, { signal });
    const { uploads } = await client.list({ limit: NEWEST, signal });
    return uploads.find((upload) => this.#is(upload)) ?? null;
  }

  /** @param {Upload} upload */
  #is({ id, status, size_bytes, content_type }) {
    const isNew = this.#before ? !this.#before.has(id) : !isFinal(status);
    return isNew && size_bytes === this.size && content_type === this.type;
  }
}

/**
 * @param {Upload} upload
 * @returns {Promise<Upload>} still under way if a worker was faster
 */
async function cancelled(upload) {
  const { client, signal } = current();
  try {
    return await client.cancel(upload.id, { signal });
  } catch (error) {
    if (/** @type {any} */ (error).code === "upload_not_cancellable") return upload;
    throw error;
  }
}
