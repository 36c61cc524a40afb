/**
 * The client itself.
 *
 * @typedef {object} ClientOptions
 * @property {string | (() => string | Promise<string>)} token The user's token, or what gives a fresh one; asked for each request.
 * @property {string | URL} [baseUrl] Where the API is; where this module came from by default.
 * @property {number} [retries] Tries after the first one, in a row (5).
 *   While an earlier try still holds the idempotency key, for up to 30 s, more are made; none if this is 0.
 * @property {Partial<Limits>} [limits] Those of the server, if it isn't set to the defaults. What a refusal tells is learned.
 * @property {Partial<Timeouts>} [timeouts] How long nothing may happen before the connection counts as lost.
 * @property {Storage | null} [storage] Keeps the ids of unfinished uploads over a reload (sessionStorage).
 *
 * @typedef {object} FollowOptions
 * @property {AbortSignal} [signal] Ends the waiting; the upload itself goes on (see `cancel`).
 * @property {(upload: Upload) => void} [onStatus] Called for each state that is seen, the present one first, and for the one
 *   that is found after a retry.
 * @property {Persistence["onRetry"]} [onRetry]
 *
 * @typedef {object} SendOptions
 * @property {Crop | null} [crop]
 * @property {boolean} [shrink] Whether a photo that the API wouldn't take is made smaller, or a JPEG or PNG, before it is sent (true).
 *   An animation becomes its first picture by that.
 * @property {string} [idempotencyKey] A random one by default. It stays the same over every retry.
 * @property {(progress: { sent: number, total: number }) => void} [onProgress] Bytes of what is sent.
 * @property {(prepared: { size: number, type: string, reencoded: boolean }) => void} [onPrepared] Told before the first byte.
 *
 * @typedef {FollowOptions & SendOptions & { onAccepted?: (upload: Upload) => void }} UploadOptions
 */

/** The API's own defaults. */
const LIMITS = Object.freeze({
  maxFileSize: 5 * 1024 * 1024,
  maxPixels: 64_000_000,
  maxSide: 16384,
  allowedTypes: ["image/jpeg", "image/png", "image/gif"],
});

/**
 * Whether an upload in this state stays in it.
 * @param {Status} status
 */
export function isFinal(status) {
  return status !== "queued" && status !== "processing";
}

export class Client {
  #api;
  #retries;
  #timeouts;
  #unfinished;
  /** Of the user: what was sent by an earlier one isn't this one's to follow. */
  #generation = 0;

  /** @param {ClientOptions} options */
  constructor({ token, baseUrl = new URL(".", import.meta.url), retries = 5, limits = {}, timeouts = {}, storage }) {
    const base = new URL(String(baseUrl).replace(/\/*$/, "/"), globalThis.location?.href);
    this.#timeouts = { ...TIMEOUTS, ...timeouts };
    this.#api = new Api(token, base, this.#timeouts);
    this.#retries = retries;
    this.#unfinished = new Unfinished(storage === undefined ? sessionStore() : storage, base.href);
    /** @type {Limits} */
    this.limits = { ...LIMITS, ...limits };
  }

  /**
   * Sends a photo and follows it until it is the user's picture.
   * @param {Blob} file
   * @param {UploadOptions} [options]
   * @returns {Promise<Upload>} `succeeded`, or `superseded` by a later upload of the same user
   * @throws {PfpError} it was refused, rejected, cancelled, failed, or the server couldn't be reached
   */
  async upload(file, options = {}) {
    try {
      return await this.#sendAndFollow(file, options);
    } catch (error) {
      // A worker looked further than this server's limits were known to us. Its upload is final: a new one.
      if (!this.#canFitBetter(error, options)) throw error;
      return await this.#sendAndFollow(file, { ...options, idempotencyKey: undefined });
    }
  }

  /**
   * @param {Blob} file
   * @param {UploadOptions} options
   */
  async #sendAndFollow(file, options) {
    const accepted = await this.send(file, options);
    options.onAccepted?.(accepted);
    return await this.follow(accepted.id, options);
  }

  /**
   * Sends a photo.
   * @param {Blob} file
   * @param {SendOptions & FollowOptions} [options]
   * @returns {Promise<Upload>} as it was accepted; `follow` tells what becomes of it
   */
  async send(file, options = {}) {
    const generation = this.#generation;
    const crop = options.crop ?? null;
    const shrink = options.shrink ?? true;
    const key = options.idempotencyKey ?? randomKey();
    const asItIs = { body: file, type: await typeOf(file), crop, reencoded: false };
    const prepare = () => (shrink ? fit(file, crop, this.limits) : asItIs);
    let accepted;
    try {
      accepted = await this.#post(await prepare(), key, options);
    } catch (error) {
      if (!this.#canFitBetter(error, options)) throw error;
      // A refusal frees its key.
      accepted = await this.#post(await prepare(), key, options);
    }
    if (generation === this.#generation) this.#unfinished.add(accepted.id);
    return accepted;
  }

  /**
   * Whether a refusal told a limit that was unknown, and the photo can be made to keep it.
   * @param {unknown} error
   * @param {SendOptions} options
   */
  #canFitBetter(error, { shrink = true }) {
    if (!shrink || !(error instanceof PfpError)) return false;
    const learned = { ...this.limits, ...limitsToldBy(error) };
    const changed = JSON.stringify(learned) !== JSON.stringify(this.limits);
    this.limits = learned;
    return changed;
  }

  /**
   * @param {Fitted} fitted
   * @param {string} key
   * @param {SendOptions & FollowOptions} options
   * @returns {Promise<Upload>}
   */
  async #post({ body, type, crop, reencoded }, key, { signal, onProgress, onPrepared, onRetry }) {
    signal?.throwIfAborted();
    let path = "user/upload-profile-picture";
    if (crop) {
      const { x, y, width, height } = crop;
      path += `?crop=${[x, y, width, height].map(Math.round).join()}`;
    }
    onPrepared?.({ size: body.size, type, reencoded });
    const attempt = () => this.#api.send(path, { body, type, key, signal, onProgress });
    return await persist(attempt, { retries: this.#retries, signal, onRetry });
  }

  /**
   * Follows an upload until it is final, by events, or by long polls where there are none.
   * @param {string} id
   * @param {FollowOptions} [options]
   * @returns {Promise<Upload>} `succeeded` or `superseded`
   * @throws {PfpError} with `upload`, if it came to nothing
   */
  async follow(id, options = {}) {
    try {
      const upload = await new Following(this.#api, id, this.#timeouts, options).end(this.#retries);
      this.#unfinished.remove(id);
      if (upload.status === "succeeded" || upload.status === "superseded") return upload;
      throw errorOfUpload(upload);
    } catch (error) {
      if (error instanceof PfpError && error.code === "upload_not_found") this.#unfinished.remove(id);
      throw error;
    }
  }

  /** The ids of uploads that this tab sent and that weren't final when it last looked: to follow after a reload. */
  get unfinished() {
    return this.#unfinished.ids;
  }

  /** Forgets them: for whoever signs out, so that the next user of the tab isn't asked to follow them. */
  forget() {
    this.#generation += 1;
    this.#unfinished.clear();
  }

  /**
   * @param {string} id
   * @param {{ wait?: number, signal?: AbortSignal }} [options] Wait: seconds to hold the answer until it is final, 0 to 30.
   * @returns {Promise<Upload>}
   */
  async status(id, { wait = 0, signal } = {}) {
    const query = wait > 0 ? `?wait=${wait}` : "";
    return await this.#request("GET", `user/uploads/${encodeURIComponent(id)}${query}`, { signal, wait });
  }

  /**
   * The user's uploads, newest first.
   * @param {{ limit?: number, cursor?: string | null, signal?: AbortSignal }} [options]
   * @returns {Promise<{ uploads: Upload[], next_cursor: string | null }>}
   */
  async list({ limit = 20, cursor = null, signal } = {}) {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor && { cursor }) });
    return await this.#request("GET", `user/uploads?${query}`, { signal });
  }

  /**
   * Cancels an upload that no worker has begun.
   * @param {string} id
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Upload>}
   */
  async cancel(id, { signal } = {}) {
    const upload = await this.#request("DELETE", `user/uploads/${encodeURIComponent(id)}`, { signal });
    this.#unfinished.remove(id);
    return upload;
  }

  /**
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<User>}
   */
  async me({ signal } = {}) {
    return await this.#request("GET", "user/me", { signal });
  }

  /**
   * Leaves the user without a picture.
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<User>}
   */
  async deletePicture({ signal } = {}) {
    return await this.#request("DELETE", "user/profile-picture", { signal });
  }

  /**
   * Every one of these is safe to repeat.
   * @param {string} method
   * @param {string} path
   * @param {{ signal?: AbortSignal | undefined, wait?: number }} options
   */
  async #request(method, path, options) {
    const attempt = () => this.#api.ask(method, path, options);
    return await persist(attempt, { retries: this.#retries, signal: options.signal });
  }
}
