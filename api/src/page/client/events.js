/**
 * Server-sent events over fetch: EventSource can't send the header Authorization.
 *
 * @typedef {{ event: string, data: string }} ServerEvent
 */

/** The API sends a comment every 15 s: a stream that is silent for longer than this is dead. In ms. */
const LONGEST_SILENCE = 40_000;

/**
 * @param {Response} response
 * @param {AbortController} stream Aborts the response.
 * @returns {AsyncGenerator<ServerEvent>}
 */
async function* eventsOf(response, stream) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const watch = setTimeout(() => stream.abort(networkError("silence")), LONGEST_SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(watch));
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const [events, rest] = cut(text);
      text = rest;
      yield* events;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Takes the whole events from the front of a text.
 * @param {string} text
 * @returns {[ServerEvent[], string]}
 */
function cut(text) {
  // A line may end in CR, LF or both; a CR at the very end may be half of both.
  const blocks = text.replace(/\r\n|\r(?!$)/g, "\n").split("\n\n");
  const rest = /** @type {string} */ (blocks.pop());
  return [blocks.map(eventIn).filter((event) => event.data !== ""), rest];
}

/**
 * @param {string} block
 * @returns {ServerEvent}
 */
function eventIn(block) {
  const event = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /** @type {RegExpExecArray} */ (/^([^:]*):? ?(.*)$/s.exec(line));
    if (field === "event") event.event = value;
    if (field === "data") event.data += event.data === "" ? value : `\n${value}`;
  }
  return event;
}
