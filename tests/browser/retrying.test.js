// How long the client goes on trying, and what it waits for.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { pageWithClient } from "./harness/client.js";
import { problem } from "./harness/proxy.js";

after(closeBrowser);

const UPLOAD = "**/user/upload-profile-picture*";

/** Sends the photo while uploads are answered by this; the browser's clock is the test's. */
async function sendWhile(test, answer, options) {
  const page = await pageWithClient(test, { options });
  const times = [];
  await page.clock.install();
  const now = () => page.evaluate(() => Date.now());
  await page.route(UPLOAD, async (route) => {
    times.push(await now());
    const refusal = answer((times.at(-1) - times[0]) / 1000);
    if (!refusal) return route.continue();
    const { code, status, retryAfter } = refusal;
    const headers = retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) };
    await route.fulfill({ status, headers, contentType: "application/problem+json", json: problem(code, status) });
  });
  let end;
  const outcome = page.evaluate(() => window.client.send(window.photo).then(({ id }) => ({ id }), (error) => ({ ...error })));
  outcome.then((value) => (end = value));
  // In steps that leave an answer the time to come: it isn't on the browser's clock.
  while (!end) {
    await page.clock.runFor(1000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { ...end, times: times.map((time) => (time - times[0]) / 1000) };
}

test("the key of a request that a crashed API still holds is asked about until it is free", async (t) => {
  const held = { code: "idempotency_key_in_use", status: 409, retryAfter: 1 };
  const { id, times } = await sendWhile(t, (seconds) => seconds < 32 && held);
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.ok(times.length > 6, "more tries than retries alone would give: " + times.join());
  assert.ok(times.at(-1) >= 32 && times.at(-1) < 46, times.join());
});

test("it isn't asked about before the time that the server tells, and not without end", async (t) => {
  const held = (retryAfter) => ({ code: "idempotency_key_in_use", status: 409, retryAfter });
  const free = await sendWhile(t, (seconds) => seconds < 28 && held(28));
  assert.match(free.id, /^[0-9a-f-]{36}$/);
  assert.equal(free.times.length, 2, free.times.join());
  const stuck = await sendWhile(t, () => held(1));
  assert.equal(stuck.code, "idempotency_key_in_use");
  assert.ok(stuck.times.at(-1) > 44 && stuck.times.at(-1) < 60, stuck.times.join());
});

test("who wants no retries gets none", async (t) => {
  const { code, times } = await sendWhile(t, () => ({ code: "idempotency_key_in_use", status: 409, retryAfter: 1 }), { retries: 0 });
  assert.deepEqual([code, times.length], ["idempotency_key_in_use", 1]);
});

test("a server that wants to be left alone for long is, and the page can say for how long", async (t) => {
  const busy = await sendWhile(t, () => ({ code: "overloaded", status: 503, retryAfter: 31 }));
  assert.deepEqual([busy.code, busy.retryAfter, busy.times.length], ["overloaded", 31, 1]);
});

test("one that is busy for half a minute isn't asked earlier", async (t) => {
  const { id, times } = await sendWhile(t, (seconds) => seconds < 29 && { code: "overloaded", status: 503, retryAfter: 30 });
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.ok(times.length === 2 && times[1] >= 30, times.join());
});
