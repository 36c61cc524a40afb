/**
 * Requests, and trying them again.
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} text
 * @property {(name: string) => string | null} header
 *
 * @typedef {object} Persistence
 * @property {number} retries
 * @property {AbortSignal | undefined} [signal]
 * @property {((retry: { error: PfpError, attempt: number, delay: number }) => void) | undefined} [onRetry] Delay in seconds.
 */

/** Whatever the server says, nobody waits longer than this for another try, in seconds. */
const LONGEST_PAUSE = 30;

/**
 * XMLHttpRequest and not fetch: only it tells how much was sent.
 * @param {object} request
 * @param {string} request.url
 * @param {Record<string, string>} request.headers
 * @param {Blob} request.body
 * @param {AbortSignal} [request.signal]
 * @param {(progress: { sent: number, total: number }) => void} [request.onProgress]
 * @returns {Promise<Answer>}
 */
function post({ url, headers, body, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    xhr.open("POST", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => onProgress?.({ sent: Math.min(loaded, body.size), total: body.size });
    xhr.onload = () =>
      resolve({ status: xhr.status, text: xhr.responseText, header: (name) => exposed(xhr, name) });
    xhr.onerror = (event) => reject(networkError(event));
    xhr.onabort = () => reject(signal?.reason);
    xhr.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort);
    xhr.send(body);
  });
}

/**
 * Browsers complain in their console about headers that CORS doesn't expose.
 * @param {XMLHttpRequest} xhr
 * @param {string} name
 */
function exposed(xhr, name) {
  const lines = xhr.getAllResponseHeaders().toLowerCase().split("\r\n");
  return lines.some((line) => line.startsWith(`${name.toLowerCase()}:`)) ? xhr.getResponseHeader(name) : null;
}

/**
 * @param {string} url
 * @param {RequestInit} init
 * @returns {Promise<Response>}
 */
async function reach(url, init) {
  try {
    return await fetch(url, { cache: "no-store", ...init });
  } catch (error) {
    init.signal?.throwIfAborted();
    throw networkError(error);
  }
}

/**
 * @param {Response} response
 * @returns {Promise<Answer>}
 */
async function answerOf(response) {
  const text = await response.text().catch((error) => {
    throw networkError(error);
  });
  return { status: response.status, text, header: (name) => response.headers.get(name) };
}

/**
 * Tries again where that can help, a bounded number of times.
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {Persistence} persistence
 * @returns {Promise<T>}
 */
async function persist(attempt, { retries, signal, onRetry }) {
  for (let failed = 1; ; failed++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PfpError) || !error.temporary || failed > retries) throw error;
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
  return Math.min(LONGEST_PAUSE, seconds * (1 + Math.random() / 4));
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
