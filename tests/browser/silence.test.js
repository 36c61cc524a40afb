// A network that goes silent without a word: nothing is refused, nothing is reset, nothing comes.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { pageWithClient } from "./harness/client.js";
import { serveProxy } from "./harness/proxy.js";

after(closeBrowser);

/** A page whose API is behind a proxy that treats the first request to a path in a way of its own. */
async function behind(test, path, treat, options = {}) {
  const requests = [];
  const base = await serveProxy(test, (exchange) => {
    if (!exchange.incoming.url.startsWith(path)) return exchange.pass();
    requests.push(exchange.incoming);
    if (requests.length === 1) treat(exchange);
    else exchange.pass();
  });
  return { page: await pageWithClient(test, { base, options }), requests };
}

const UPLOAD = "/user/upload-profile-picture";
const upload = (page) =>
  page.evaluate(async () => {
    const retries = [];
    const onRetry = ({ error }) => retries.push(`${error.code} ${error.cause}`);
    const { status } = await window.client.upload(window.photo, { onRetry });
    return { status, retries };
  });

test("an upload whose answer never comes is sent again, with the same key", async (t) => {
  const { page, requests } = await behind(t, UPLOAD, ({ incoming }) => incoming.resume(), { timeouts: { received: 400 } });
  const { status, retries } = await upload(page);
  assert.equal(status, "succeeded");
  assert.deepEqual(retries, ["network_error nothing came within 400 ms"]);
  const keys = requests.map(({ headers }) => headers["idempotency-key"]);
  assert.deepEqual([keys.length, new Set(keys).size], [2, 1]);
});

test("an upload that stalls in the middle is given up; one that is slow is not", async (t) => {
  let read = (incoming) => incoming;
  const options = { timeouts: { progress: 600 }, retries: 0 };
  const base = await serveProxy(t, ({ incoming, outgoing, pass }) => {
    if (!incoming.url.startsWith(UPLOAD)) return pass();
    incoming.on("end", () => outgoing.writeHead(202, { "Content-Type": "application/json" }).end('{"id": "x"}'));
    read(incoming);
  });
  const page = await pageWithClient(t, { base, options });
  // More than what lies in buffers between a browser and whoever doesn't read.
  const send = () =>
    page.evaluate(async () => {
      let sent = 0;
      const onProgress = (progress) => (sent = progress.sent);
      const began = performance.now();
      const end = await window.client.send(new Blob([new Uint8Array(4e7)]), { shrink: false, onProgress }).catch((error) => error);
      return { end: end.id ?? `${end.code} ${end.cause}`, sent, took: performance.now() - began };
    });
  read = (incoming) => incoming.pause();
  const stalled = await send();
  assert.equal(stalled.end, "network_error nothing came within 600 ms");
  assert.ok(stalled.sent > 0 && stalled.sent < 4e7, String(stalled.sent));
  read = (incoming) => {
    incoming.on("data", ({ length }) => {
      incoming.pause();
      setTimeout(() => incoming.resume(), length / 4e7 * 2000);
    });
  };
  const slow = await send();
  assert.deepEqual([slow.end, slow.sent], ["x", 4e7]);
  assert.ok(slow.took > 1200, `${slow.took} ms are longer than the limit`);
});

test("a question that is never answered is asked again", async (t) => {
  for (const treat of [() => {}, ({ outgoing }) => outgoing.writeHead(200, { "Content-Type": "application/json" }).write('{"id"')]) {
    const { page, requests } = await behind(t, "/user/me", treat, { timeouts: { answer: 400 } });
    const me = await page.evaluate(() => window.client.me());
    assert.equal(me.profile_picture_url, null);
    assert.equal(requests.length, 2);
  }
});

test("a limit may be for ever, and an abort ends the waiting all the same", async (t) => {
  const { page } = await behind(t, "/user/me", () => {});
  const reason = await page.evaluate(async (token) => {
    const client = new window.pfp.Client({ token, timeouts: { answer: Infinity } });
    const stop = new AbortController();
    setTimeout(() => stop.abort("enough"), 300);
    return await client.me({ signal: stop.signal }).catch((error) => error);
  }, "any");
  assert.equal(reason, "enough");
});
