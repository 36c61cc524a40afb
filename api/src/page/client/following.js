/**
 * An upload followed until it is final: by events, or by long polls where those don't come.
 */

/** How long one long poll is held, in seconds: within the time-outs of common proxies. */
const WAIT = 25;
/** Seconds between two of them, or two streams. */
const BETWEEN_LOOKS = 1;

class Following {
  #api;
  #path;
  #timeouts;
  #options;
  #told = "";
  /** Until a stream has shown that it doesn't get through. */
  #hasEvents = true;

  /**
   * @param {Api} api
   * @param {string} id
   * @param {Timeouts} timeouts
   * @param {FollowOptions} options
   */
  constructor(api, id, timeouts, options) {
    this.#api = api;
    this.#path = `user/uploads/${encodeURIComponent(id)}`;
    this.#timeouts = timeouts;
    this.#options = options;
  }

  /**
   * @param {number} retries
   * @returns {Promise<Upload>} in its final state
   */
  async end(retries) {
    const { signal } = this.#options;
    const look = () => (this.#hasEvents ? this.#listen() : this.#poll());
    /** @type {Persistence["onRetry"]} */
    const onRetry = (retry) => {
      // Whoever is told of the trouble is told of its end too.
      this.#told = "";
      this.#options.onRetry?.(retry);
    };
    for (;;) {
      const upload = await persist(look, { retries, signal, onRetry });
      if (upload && isFinal(upload.status)) return upload;
      // Something in between may end every stream or wait at once.
      if (upload) await pause(BETWEEN_LOOKS, signal);
    }
  }

  /**
   * @param {Upload} upload
   * @returns {Upload}
   */
  #tell(upload) {
    const news = `${upload.status} ${upload.attempts}`;
    if (news !== this.#told) this.#options.onStatus?.(upload);
    this.#told = news;
    return upload;
  }

  /**
   * @returns {Promise<Upload | null>} the last state that was told; null if none was
   * @throws {PfpError} the API's own answer
   */
  async #listen() {
    const { signal } = this.#options;
    const watch = new Watch(signal);
    /** @type {Upload | null} */
    let last = null;
    try {
      const response = await this.#api.stream(`${this.#path}/events`, watch);
      if (!isStream(response)) return await this.#withoutEvents(response);
      for await (const { event, data } of eventsOf(response, () => last && watch.expect(this.#timeouts.silence))) {
        if (event !== "status") continue;
        const upload = this.#tell(JSON.parse(data));
        last = upload;
        if (isFinal(upload.status)) break;
        watch.expect(this.#timeouts.silence);
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof PfpError && error.status > 0) throw error;
      // What was seen so far isn't lost with the stream.
    } finally {
      watch.end();
    }
    // A proxy that holds a stream back looks like a connection that is gone: polls get through the one, and persist
    // where nothing gets through.
    if (!last || watch.signal.aborted) this.#hasEvents = false;
    return last;
  }

  /**
   * An older server has no such route, and a proxy may not let streams through.
   * @param {Response} response
   * @returns {Promise<null>}
   */
  async #withoutEvents(response) {
    this.#hasEvents = false;
    const error = errorOf(await answerOf(response));
    const isMeant = ["upload_not_found", "user_not_found"].includes(error.code) || [401, 429].includes(error.status);
    if (isMeant || error.temporary) throw error;
    return null;
  }

  /** @returns {Promise<Upload>} */
  async #poll() {
    const { signal } = this.#options;
    const upload = this.#tell(await this.#api.ask("GET", this.#path, { signal }));
    if (isFinal(upload.status)) return upload;
    try {
      return this.#tell(await this.#api.ask("GET", `${this.#path}?wait=${WAIT}`, { signal, wait: WAIT }));
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PfpError) || !error.temporary) throw error;
      // Something in between may end every wait, and let short answers through.
      return upload;
    }
  }
}

/** @param {Response} response */
function isStream({ headers }) {
  return headers.get("Content-Type")?.startsWith("text/event-stream") ?? false;
}
