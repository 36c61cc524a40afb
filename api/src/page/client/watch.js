/**
 * How long nothing may happen: a network that goes silent without a word would be waited for without end.
 *
 * @typedef {object} Timeouts In ms; Infinity is for ever. What takes longer is a `network_error`.
 * @property {number} answer For an answer, beyond the time that it is asked to wait for an end.
 * @property {number} progress While a photo is sent: until one more byte of it has gone.
 * @property {number} received From a photo's last byte to the answer.
 * @property {number} firstEvent Until a stream has told the present state; where it doesn't, the client asks instead.
 * @property {number} silence Of a stream. The API sends a comment every 15 s.
 */

/** @type {Readonly<Timeouts>} */
const TIMEOUTS = Object.freeze({ answer: 20_000, progress: 30_000, received: 60_000, firstEvent: 5_000, silence: 40_000 });

/** Timers can't be set for longer than this: they would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Ends one request when its caller does, or when what is expected of it doesn't come. */
class Watch {
  #controller = new AbortController();
  #caller;
  #pass = () => this.#controller.abort(this.#caller?.reason);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {AbortSignal} [caller] */
  constructor(caller) {
    caller?.throwIfAborted();
    this.#caller = caller;
    // Not AbortSignal.any and AbortSignal.timeout: browsers of 2023 have neither or only one.
    caller?.addEventListener("abort", this.#pass);
  }

  get signal() {
    return this.#controller.signal;
  }

  /**
   * Something has to come within this time from now on; what was expected before has come.
   * @param {number} ms
   */
  expect(ms) {
    clearTimeout(this.#timer);
    if (ms > LONGEST_TIMER) return;
    this.#timer = setTimeout(() => this.#controller.abort(networkError(`nothing came within ${ms} ms`)), ms);
  }

  end() {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#pass);
  }
}
