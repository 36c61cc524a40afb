// A proxy in front of the API, at an address of its own: it serves the page too, and treats some requests badly.

import { once } from "node:events";
import { createServer, request } from "node:http";
import { atEnd } from "./at_end.js";
import { url } from "./system.js";

/**
 * @typedef {object} Exchange
 * @property {import("node:http").IncomingMessage} incoming
 * @property {import("node:http").ServerResponse} outgoing
 * @property {() => import("node:http").ClientRequest} pass Lets it through.
 */

/**
 * @param test It is closed with it.
 * @param {(exchange: Exchange) => unknown} [treat] What happens to a request; by default it is let through.
 * @param {string} [path] Below which the API is.
 * @returns {Promise<string>} its address, without a slash at the end
 */
export async function serveProxy(test, treat = ({ pass }) => pass(), path = "") {
  const proxy = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith(`${path}/`)) return outgoing.writeHead(404).end();
    const pass = () => passed(incoming, outgoing, incoming.url.slice(path.length));
    treat({ incoming, outgoing, pass });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  atEnd(test, () => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return `http://127.0.0.1:${proxy.address().port}${path}`;
}

function passed(incoming, outgoing, path) {
  const onward = request(new URL(path, url), { method: incoming.method, headers: incoming.headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  // Whoever is gone isn't waited for, on either side.
  onward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
  return onward;
}

/** @param {string} code @param {number} status */
export function problem(code, status) {
  return { type: `/problems/${code}`, title: code, status, detail: `It is ${code}.`, code };
}

/** Answers with a problem. @param {Exchange} exchange @param {string} code @param {number} status @param {object} [headers] */
export function refuse({ incoming, outgoing }, code, status, headers = {}) {
  incoming.resume();
  outgoing.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
  outgoing.end(JSON.stringify(problem(code, status)));
}
