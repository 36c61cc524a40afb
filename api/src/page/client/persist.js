/**
 * Trying again what can go through a moment later.
 *
 * @typedef {object} Persistence
 * @property {number} retries
 * @property {AbortSignal | undefined} [signal]
 * @property {((retry: { error: PfpError, attempt: number, delay: number }) => void) | undefined} [onRetry] Delay in seconds.
 */

/** Who is told to stay away for longer than this, in seconds, is told so instead of waiting. */
const LONGEST_PAUSE = 30;
/**
 * For how long an idempotency key is asked about, in seconds: an API that crashed in the middle of a request holds it
 * for up to 30, and nothing else is wrong.
 */
const LONGEST_HOLD = 45;

/**
 * Tries again where that can help, a bounded number of times.
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {Persistence} persistence
 * @returns {Promise<T>}
 */
async function persist(attempt, { retries, signal, onRetry }) {
  let failures = 0;
  /** @type {number | null} Since when the key is known to be held. */
  let held = null;
  for (let failed = 1; ; failed++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PfpError) || !error.temporary || (error.retryAfter ?? 0) > LONGEST_PAUSE) throw error;
      if (error.code === "idempotency_key_in_use" && retries > 0) held ??= Date.now();
      else failures += 1;
      if (failures > retries || Date.now() - (held ?? Infinity) > LONGEST_HOLD * 1000) throw error;
      const delay = delayAfter(error, failed);
      onRetry?.({ error, attempt: failed, delay });
      await pause(delay, signal);
    }
  }
}

/**
 * Seconds. Twice as many each time, and not the same for every client that a fault has hit.
 * @param {PfpError} error
 * @param {number} failed How many tries have.
 */
function delayAfter(error, failed) {
  const seconds = Math.max(error.retryAfter ?? 0, Math.min(8, 0.5 * 2 ** (failed - 1)));
  return seconds * (1 + Math.random() / 4);
}

/**
 * @param {number} seconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(done, seconds * 1000);
    signal?.addEventListener("abort", done);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
  });
}
