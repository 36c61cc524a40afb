// How the client follows an upload where what is in between doesn't let everything through.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { pageWithClient } from "./harness/client.js";
import { refuse, serveProxy } from "./harness/proxy.js";
import { held } from "./harness/system.js";

after(closeBrowser);

const EVENTS = /\/events$/;
const WAIT = /\?wait=25$/;

/** A page whose API is behind a proxy, and what was asked of it for an upload. */
async function behind(test, treat, timeouts) {
  const asked = [];
  const base = await serveProxy(test, (exchange) => {
    const { url } = exchange.incoming;
    if (url.startsWith("/user/uploads/")) asked.push(url);
    const treated = treat(url, exchange, asked);
    if (!treated) exchange.pass();
  });
  const page = await pageWithClient(test, { base, options: { timeouts } });
  return { page, asked, count: (pattern) => asked.filter((url) => pattern.test(url)).length };
}

/** Begins an upload and follows it; what is seen of it can be waited for. */
async function begin(page) {
  await page.evaluate(() => {
    window.told = [];
    window.retries = [];
    window.outcome = window.client
      .upload(window.photo, {
        onStatus: ({ status }) => window.told.push(status),
        onRetry: ({ error }) => window.retries.push(error.code),
      })
      .then(({ status }) => status, (error) => error.code);
  });
}

const isQueued = (page) => page.waitForFunction(() => window.told.includes("queued"));
const outcome = (page) => page.evaluate(() => window.outcome);
const retries = (page) => page.evaluate(() => window.retries);

/** Answers with the head of a stream, and then with nothing. */
function holdStream(outgoing) {
  outgoing.writeHead(200, { "Content-Type": "text/event-stream" });
  outgoing.flushHeaders();
  return true;
}

test("a stream that a proxy holds back is given up for long polls, and nobody hears of trouble", async (t) => {
  const release = held(t);
  const { page, count } = await behind(t, (url, { outgoing }) => EVENTS.test(url) && holdStream(outgoing), { firstEvent: 300 });
  await begin(page);
  await isQueued(page);
  release();
  assert.equal(await outcome(page), "succeeded");
  assert.deepEqual(await retries(page), []);
  assert.equal(count(EVENTS), 1, "one try was enough to know");
});

test("a stream whose very head is held back is given up for long polls", async (t) => {
  const release = held(t);
  const { page, count } = await behind(t, (url) => EVENTS.test(url), { firstEvent: 300 });
  await begin(page);
  await isQueued(page);
  release();
  assert.equal(await outcome(page), "succeeded");
  assert.equal(count(EVENTS), 1);
});

test("a held stream is given up within seconds where nothing else was said", async (t) => {
  held(t);
  const { page } = await behind(t, (url, { outgoing }) => EVENTS.test(url) && holdStream(outgoing));
  const began = Date.now();
  await begin(page);
  await isQueued(page);
  assert.ok(Date.now() - began < 10_000);
});

test("a stream that ends before its first event, or breaks, is given up for long polls", async (t) => {
  for (const end of [(outgoing) => outgoing.end(": nothing\n\n"), (outgoing) => outgoing.destroy()]) {
    const { page, count } = await behind(t, (url, { outgoing }) => {
      if (!EVENTS.test(url)) return false;
      holdStream(outgoing);
      end(outgoing);
      return true;
    });
    await begin(page);
    assert.equal(await outcome(page), "succeeded");
    assert.deepEqual(await retries(page), []);
    assert.equal(count(EVENTS), 1);
  }
});

test("a refusal of events is good for one upload: the next one has them again", async (t) => {
  for (const status of [403, 500]) {
    let refused = 0;
    const { page, asked, count } = await behind(t, (url, exchange) => {
      if (!EVENTS.test(url) || refused++ > 0) return false;
      refuse(exchange, "blocked_by_a_proxy", status);
      return true;
    });
    await begin(page);
    assert.equal(await outcome(page), "succeeded");
    asked.length = 0;
    await begin(page);
    assert.equal(await outcome(page), "succeeded");
    assert.deepEqual([count(EVENTS), asked.length], [1, 1], asked.join());
  }
});

test("a server that is too busy for events is asked again after the time that it tells", async (t) => {
  let at = 0;
  const { page, asked } = await behind(t, (url, exchange, asked) => {
    if (asked.length === 2) at = Date.now() - at;
    if (!EVENTS.test(url)) return false;
    at = Date.now();
    refuse(exchange, "overloaded", 503, { "Retry-After": "2" });
    return true;
  });
  await begin(page);
  assert.equal(await outcome(page), "succeeded");
  assert.deepEqual(await retries(page), ["overloaded"]);
  assert.ok(at >= 1990, `${at} ms; ${asked.join()}`);
});

test("a stream that is cut in the middle is taken up again, and no state is lost or told twice", async (t) => {
  const release = held(t);
  let cut = () => {};
  const { page, count } = await behind(t, (url, { outgoing }, asked) => {
    if (EVENTS.test(url) && asked.length === 1) cut = () => outgoing.destroy();
    return false;
  });
  await begin(page);
  await isQueued(page);
  cut();
  release();
  assert.equal(await outcome(page), "succeeded");
  const told = await page.evaluate(() => window.told);
  assert.deepEqual([told[0], told.at(-1), new Set(told).size], ["queued", "succeeded", told.length], told.join());
  assert.equal(count(EVENTS), 2);
  assert.equal(count(WAIT), 0);
  assert.deepEqual(await retries(page), []);
});

test("a stream that falls silent is given up for long polls", async (t) => {
  const release = held(t);
  const { page, asked } = await behind(
    t,
    (url, { outgoing, pass }) => {
      if (!EVENTS.test(url)) return false;
      // The first event comes through, and then no byte any more: not even a comment.
      pass().on("response", (answer) => answer.once("data", () => setImmediate(() => answer.unpipe(outgoing))));
      return true;
    },
    { silence: 500 },
  );
  await begin(page);
  await isQueued(page);
  release();
  assert.equal(await outcome(page), "succeeded");
  assert.ok(asked.length > 1 && !asked.slice(1).some((url) => EVENTS.test(url)), asked.join());
});

test("where every long poll is cut short, short ones do", async (t) => {
  const release = held(t);
  const { page, count } = await behind(t, (url, exchange) => {
    if (!EVENTS.test(url) && !WAIT.test(url)) return false;
    refuse(exchange, "a_gateway_s_time_out", 504);
    return true;
  });
  await begin(page);
  await isQueued(page);
  await page.waitForTimeout(2500);
  release();
  assert.equal(await outcome(page), "succeeded");
  assert.ok(count(WAIT) >= 2, String(count(WAIT)));
});

test("a long poll that is never answered ends after its time, and is made again", async (t) => {
  const release = held(t);
  let unanswered = () => {};
  const isUnanswered = new Promise((resolve) => (unanswered = resolve));
  const { page, count } = await behind(t, (url, exchange) => {
    if (EVENTS.test(url)) refuse(exchange, "not_found", 404);
    else if (WAIT.test(url) && count(WAIT) === 1) unanswered();
    else return false;
    return true;
  });
  await page.clock.install();
  await begin(page);
  await isUnanswered;
  await page.clock.fastForward(44_000);
  assert.equal(count(WAIT), 1, "it may be held for 25 seconds, and be answered 20 seconds later");
  await page.clock.fastForward(1_000);
  await page.waitForRequest(WAIT);
  release();
  assert.equal(await outcome(page), "succeeded");
  assert.equal(count(WAIT), 2);
});
