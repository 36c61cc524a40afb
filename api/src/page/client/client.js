/**
 * The client itself.
 *
 * @typedef {object} ClientOptions
 * @property {string | (() => string | Promise<string>)} token The user's token, or what gives a fresh one; asked for each request.
 * @property {string | URL} [baseUrl] Where the API is; where this module came from by default.
 * @property {number} [retries] Tries after the first one, in a row (5).
 * @property {Partial<Limits>} [limits] Those of the server, if it isn't set to the defaults. What a refusal tells is learned.
 * @property {Storage | null} [storage] Keeps the ids of unfinished uploads over a reload (sessionStorage).
 *
 * @typedef {object} FollowOptions
 * @property {AbortSignal} [signal] Ends the waiting; the upload itself goes on (see `cancel`).
 * @property {(upload: Upload) => void} [onStatus] Called for each state that is seen, the present one first.
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

/** How long one long poll is held, in seconds: within the time-outs of common proxies. */
const WAIT = 25;
/** Seconds between two of them, or two streams. */
const BETWEEN_LOOKS = 1;

/**
 * Whether an upload in this state stays in it.
 * @param {Status} status
 */
export function isFinal(status) {
  return status !== "queued" && status !== "processing";
}

export class Client {
  #token;
  #base;
  #retries;
  #unfinished;
  /** Until a server shows that it has none. */
  #hasEvents = true;

  /** @param {ClientOptions} options */
  constructor({ token, baseUrl = new URL(".", import.meta.url), retries = 5, limits = {}, storage }) {
    this.#token = token;
    this.#base = new URL(String(baseUrl).replace(/\/*$/, "/"), globalThis.location?.href);
    this.#retries = retries;
    this.#unfinished = new Unfinished(storage === undefined ? sessionStore() : storage, this.#base.href);
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
    this.#unfinished.add(accepted.id);
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
    const url = new URL("user/upload-profile-picture", this.#base);
    if (crop) {
      const { x, y, width, height } = crop;
      url.searchParams.set("crop", [x, y, width, height].map(Math.round).join());
    }
    onPrepared?.({ size: body.size, type, reencoded });
    const attempt = async () => {
      const headers = { ...(await this.#headers()), "Content-Type": type, "Idempotency-Key": key };
      return jsonOf(await post({ url: url.href, headers, body, signal, onProgress }));
    };
    return await persist(attempt, { retries: this.#retries, signal, onRetry });
  }

  /**
   * Follows an upload until it is final, by events, or by long polls where there are none.
   * @param {string} id
   * @param {FollowOptions} [options]
   * @returns {Promise<Upload>} `succeeded` or `superseded`
   * @throws {PfpError} with `upload`, if it came to nothing
   */
  async follow(id, { signal, onStatus, onRetry } = {}) {
    let told = "";
    /** @param {Upload} upload */
    const tell = (upload) => {
      const news = `${upload.status} ${upload.attempts}`;
      if (news !== told) onStatus?.(upload);
      told = news;
      return upload;
    };
    try {
      const look = () => (this.#hasEvents ? this.#listen(id, tell, signal) : this.#poll(id, tell, signal));
      const persistence = { retries: this.#retries, signal, onRetry };
      let upload = await persist(look, persistence);
      while (!upload || !isFinal(upload.status)) {
        // Something in between may end every stream or wait at once.
        if (upload) await pause(BETWEEN_LOOKS, signal);
        upload = await persist(look, persistence);
      }
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

  /**
   * @param {string} id
   * @param {(upload: Upload) => Upload} tell
   * @param {AbortSignal} [signal]
   * @returns {Promise<Upload | null>} the last state that was told; null if events can't be had
   */
  async #listen(id, tell, signal) {
    const stream = new AbortController();
    const abort = () => stream.abort(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    let last = null;
    try {
      const url = new URL(`user/uploads/${encodeURIComponent(id)}/events`, this.#base);
      const headers = { ...(await this.#headers()), Accept: "text/event-stream" };
      const response = await reach(url.href, { headers, signal: stream.signal });
      if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        return await this.#withoutEvents(await answerOf(response));
      }
      for await (const { event, data } of eventsOf(response, stream)) {
        if (event === "status") last = tell(JSON.parse(data));
        if (last && isFinal(last.status)) return last;
      }
    } catch (error) {
      // What was seen so far isn't lost with the stream.
      if (signal?.aborted || error instanceof PfpError || !last) throw asPfpError(error, signal);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    if (!last) throw networkError("the stream ended before it began");
    return last;
  }

  /**
   * An older server has no such route, and a proxy may not let streams through.
   * @param {Answer} answer
   * @returns {Promise<null>}
   */
  async #withoutEvents(answer) {
    const error = errorOf(answer);
    const known = ["upload_not_found", "user_not_found"].includes(error.code) || answer.status === 401;
    if (known || error.temporary || answer.status === 429) throw error;
    this.#hasEvents = false;
    return null;
  }

  /**
   * @param {string} id
   * @param {(upload: Upload) => Upload} tell
   * @param {AbortSignal} [signal]
   * @returns {Promise<Upload>}
   */
  async #poll(id, tell, signal) {
    const upload = tell(await this.status(id, { signal }));
    if (isFinal(upload.status)) return upload;
    return tell(await this.status(id, { signal, wait: WAIT }));
  }

  /**
   * @param {string} id
   * @param {{ wait?: number, signal?: AbortSignal }} [options] Wait: seconds to hold the answer until it is final, 0 to 30.
   * @returns {Promise<Upload>}
   */
  async status(id, { wait = 0, signal } = {}) {
    const query = wait > 0 ? `?wait=${wait}` : "";
    return await this.#request("GET", `user/uploads/${encodeURIComponent(id)}${query}`, signal);
  }

  /**
   * The user's uploads, newest first.
   * @param {{ limit?: number, cursor?: string | null, signal?: AbortSignal }} [options]
   * @returns {Promise<{ uploads: Upload[], next_cursor: string | null }>}
   */
  async list({ limit = 20, cursor = null, signal } = {}) {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor && { cursor }) });
    return await this.#request("GET", `user/uploads?${query}`, signal);
  }

  /**
   * Cancels an upload that no worker has begun.
   * @param {string} id
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<Upload>}
   */
  async cancel(id, { signal } = {}) {
    return await this.#request("DELETE", `user/uploads/${encodeURIComponent(id)}`, signal);
  }

  /**
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<User>}
   */
  async me({ signal } = {}) {
    return await this.#request("GET", "user/me", signal);
  }

  /**
   * Leaves the user without a picture.
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<User>}
   */
  async deletePicture({ signal } = {}) {
    return await this.#request("DELETE", "user/profile-picture", signal);
  }

  /**
   * Every one of these is safe to repeat.
   * @param {string} method
   * @param {string} path
   * @param {AbortSignal} [signal]
   */
  async #request(method, path, signal) {
    const attempt = async () => {
      const init = { method, headers: await this.#headers(), signal };
      return jsonOf(await answerOf(await reach(new URL(path, this.#base).href, init)));
    };
    return await persist(attempt, { retries: this.#retries, signal });
  }

  async #headers() {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    return { Authorization: `Bearer ${token}` };
  }
}
