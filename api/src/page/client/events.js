/**
 * Server-sent events over fetch: EventSource can't send the header Authorization.
 *
 * @typedef {{ event: string, data: string }} ServerEvent
 */

/**
 * @param {Response} response
 * @param {() => void} onBytes Called for whatever comes, comments too.
 * @returns {AsyncGenerator<ServerEvent>}
 */
async function* eventsOf(response, onBytes) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
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
