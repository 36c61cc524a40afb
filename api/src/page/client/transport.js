/**
 * One request to the API in the user's name, and its answer.
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} text
 * @property {(name: string) => string | null} header
 */

class Api {
  #token;
  #base;
  #timeouts;

  /**
   * @param {string | (() => string | Promise<string>)} token
   * @param {URL} base
   * @param {Timeouts} timeouts
   */
  constructor(token, base, timeouts) {
    this.#token = token;
    this.#base = base;
    this.#timeouts = timeouts;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ signal?: AbortSignal, wait?: number }} [options] Wait: seconds for which the answer may be held.
   * @returns {Promise<any>} what the answer's JSON says
   */
  async ask(method, path, { signal, wait = 0 } = {}) {
    const watch = new Watch(signal);
    try {
      const headers = await this.#headers();
      watch.expect(wait * 1000 + this.#timeouts.answer);
      return jsonOf(await answerOf(await reach(this.#at(path), { method, headers, signal: watch.signal })));
    } finally {
      watch.end();
    }
  }

  /**
   * @param {string} path
   * @param {{ body: Blob, type: string, key: string, signal?: AbortSignal, onProgress?: Progress }} photo
   * @returns {Promise<Upload>}
   */
  async send(path, { body, type, key, signal, onProgress }) {
    const headers = { ...(await this.#headers()), "Content-Type": type, "Idempotency-Key": key };
    return jsonOf(await post({ url: this.#at(path), headers, body, signal, onProgress, timeouts: this.#timeouts }));
  }

  /**
   * @param {string} path
   * @param {Watch} watch Its first event is expected from here on.
   */
  async stream(path, watch) {
    const headers = { ...(await this.#headers()), Accept: "text/event-stream" };
    watch.expect(this.#timeouts.firstEvent);
    return await reach(this.#at(path), { headers, signal: watch.signal });
  }

  /** @param {string} path */
  #at(path) {
    return new URL(path, this.#base).href;
  }

  async #headers() {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    return { Authorization: `Bearer ${token}` };
  }
}

/**
 * XMLHttpRequest and not fetch: only it tells how much was sent.
 *
 * @typedef {(progress: { sent: number, total: number }) => void} Progress
 *
 * @param {object} request
 * @param {string} request.url
 * @param {Record<string, string>} request.headers
 * @param {Blob} request.body
 * @param {AbortSignal} [request.signal]
 * @param {Progress} [request.onProgress]
 * @param {Timeouts} request.timeouts
 * @returns {Promise<Answer>}
 */
function post({ url, headers, body, signal, onProgress, timeouts }) {
  return new Promise((resolve, reject) => {
    const watch = new Watch(signal);
    const xhr = new XMLHttpRequest();
    let sent = 0;
    xhr.open("POST", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      // It may come without another byte.
      if (loaded > sent) watch.expect(loaded < body.size ? timeouts.progress : timeouts.received);
      sent = loaded;
      onProgress?.({ sent: Math.min(loaded, body.size), total: body.size });
    };
    xhr.onprogress = () => watch.expect(timeouts.answer);
    xhr.onload = () =>
      resolve({ status: xhr.status, text: xhr.responseText, header: (name) => exposed(xhr, name) });
    xhr.onerror = (event) => reject(networkError(event));
    xhr.onabort = () => reject(watch.signal.reason);
    xhr.onloadend = () => watch.end();
    watch.signal.addEventListener("abort", () => xhr.abort());
    watch.expect(timeouts.progress);
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
