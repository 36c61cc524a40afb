import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { openCard } from "./harness/card.js";
import { problem, refuse, serveProxy } from "./harness/proxy.js";
import { ask, held, pictureBytes } from "./harness/system.js";

after(closeBrowser);

const PHOTO = "12mp-baseline-420.jpg";

/** Every text that the page shows at a place. */
async function textsOf(card, id) {
  await card.page.evaluate((id) => {
    window.seen = [];
    const place = document.getElementById(id);
    new MutationObserver(() => window.seen.push(place.textContent)).observe(place, { childList: true });
  }, id);
  return () => card.page.evaluate(() => window.seen.filter((text, i, all) => text && text !== all[i - 1]));
}

test("what was sent is shown while it is sent, and a screen reader hears of it", async (t) => {
  const card = await openCard(t);
  const session = await card.page.context().newCDPSession(card.page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 700_000 });
  await card.pick(PHOTO);
  const shown = await textsOf(card, "progress-share");
  await card.save();
  await card.isAt("sending");
  await card.page.waitForFunction(() => /\d+ percent sent/.test(document.getElementById("announce").textContent));
  await card.page.waitForFunction(() => document.getElementById("bar").value > 0);
  await card.isLive();
  const shares = await shown();
  assert.ok(shares.length > 2, shares.join());
  for (const share of shares) assert.match(share, /^[\d.]+ (bytes|KB|MB) of 1\.6 MB$/);
});

test("the states of an upload are shown as they come, and the new picture at the end", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  await card.pick(PHOTO);
  const shown = await textsOf(card, "progress-text");
  await card.save();
  await card.isAt("queued");
  assert.equal(await card.part("progress-text").innerText(), "Waiting for its turn");
  release();
  await card.isLive();
  const texts = await shown();
  assert.deepEqual([texts[0], texts[1], texts[2], texts.at(-1)], ["Preparing your photo", "Sending", "Waiting for its turn", "Done"]);
});

test("a reload in the middle goes on with the upload where it is", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.save();
  await card.isAt("queued");
  await card.page.reload();
  await card.isAt("queued");
  assert.equal(await card.page.evaluate(() => document.activeElement.id), "progress");
  release();
  await card.isLive();
  assert.equal(card.posts.length, 1);
  await card.page.reload();
  await card.part("choose").waitFor();
  assert.deepEqual(await card.page.evaluate(() => Object.keys(sessionStorage)), ["pfp.token"]);
});

test("an upload can be stopped while it is sent", async (t) => {
  const card = await openCard(t);
  const session = await card.page.context().newCDPSession(card.page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 100_000 });
  await card.pick(PHOTO);
  await card.save();
  await card.isAt("sending");
  await card.part("stop").click();
  await card.part("choose").waitFor();
  assert.equal(await card.part("notice").isVisible(), false);
  const me = await (await ask(card.user, "/user/me")).json();
  assert.equal(me.profile_picture_url, null);
});

test("a connection that breaks costs nothing: the same upload is sent again by itself", async (t) => {
  const card = await openCard(t);
  let broken = 0;
  await card.page.route("**/user/upload-profile-picture*", async (route) => {
    if (broken++ > 0) return route.continue();
    // The API takes it; only its answer is lost.
    const { authorization, "content-type": type, "idempotency-key": key } = route.request().headers();
    const headers = { Authorization: authorization, "Content-Type": type, "Idempotency-Key": key };
    await fetch(route.request().url(), { method: "POST", headers, body: pictureBytes(PHOTO) });
    await route.abort("connectionreset");
  });
  await card.pick(PHOTO);
  await card.save();
  await card.isLive();
  const keys = card.posts.map((post) => post.headers()["idempotency-key"]);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  const replayed = await (await card.posts[1].response()).headerValue("idempotency-replayed");
  assert.equal(replayed, "true");
});

test("a server that is busy is asked again after the time that it tells", async (t) => {
  const card = await openCard(t);
  let asked = 0;
  const times = [];
  await card.page.route("**/user/upload-profile-picture*", async (route) => {
    times.push(Date.now());
    if (asked++ > 0) return route.continue();
    const problem = { type: "/problems/overloaded", title: "Too busy", status: 503, detail: "Busy.", code: "overloaded" };
    await route.fulfill({ status: 503, headers: { "Retry-After": "2" }, contentType: "application/problem+json", json: problem });
  });
  await card.pick(PHOTO);
  await card.save();
  await card.page.locator("#progress-note:has-text('Trying again in')").waitFor();
  await card.isLive();
  assert.ok(times[1] - times[0] >= 2000, String(times));
});

test("the words about a retry go when bytes flow again, and those about a conversion stay", async (t) => {
  const release = held(t);
  let refused = 0;
  const base = await serveProxy(t, (exchange) => {
    const isFirst = exchange.incoming.url.startsWith("/user/upload-profile-picture") && refused++ === 0;
    if (isFirst) refuse(exchange, "overloaded", 503, { "Retry-After": "2" });
    else exchange.pass();
  });
  const card = await openCard(t, { base });
  await card.pick("size-5mib-and-1.jpg");
  const shown = await textsOf(card, "progress-note");
  await card.save();
  await card.part("progress-note").filter({ hasText: "Trying again in" }).waitFor();
  await card.isAt("queued");
  const notes = (await shown()).map((text) => text.slice(0, 9));
  assert.deepEqual(notes, ["Converted", "The serve", "Converted"]);
  release();
  await card.isLive();
});

test("the words about a retry go when the state is seen again", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  let lost = true;
  await card.page.route(/\/user\/uploads\//, (route) => (lost ? route.abort("connectionreset") : route.continue()));
  await card.pick(PHOTO);
  await card.save();
  await card.part("progress-note").filter({ hasText: "can't be reached" }).waitFor();
  lost = false;
  await card.isAt("queued");
  assert.equal(await card.part("progress-note").innerText(), "");
  release();
  await card.isLive();
});

test("a key that was used for something else is a new upload's turn", async (t) => {
  const card = await openCard(t);
  let asked = 0;
  await card.page.route("**/user/upload-profile-picture*", (route) => {
    if (asked++ > 0) return route.continue();
    return route.fulfill({ status: 422, contentType: "application/problem+json", json: problem("idempotency_key_reused", 422) });
  });
  await card.pick(PHOTO);
  await card.save();
  await card.hasFailed();
  await card.part("notice-again").click();
  await card.isLive();
  const keys = card.posts.map((post) => post.headers()["idempotency-key"]);
  assert.deepEqual([keys.length, new Set(keys).size], [2, 2]);
});

test("where the connection stays away the page says so, and trying again is enough", async (t) => {
  const card = await openCard(t);
  await card.page.clock.install();
  await card.page.route("**/user/**", (route) => route.abort("connectionrefused"));
  await card.pick(PHOTO);
  await card.save();
  const failed = card.hasFailed();
  let over = false;
  failed.then(() => (over = true));
  while (!over) await card.page.clock.runFor(1000);
  assert.match(await failed, /We can't reach the server/);
  await card.page.unrouteAll();
  await card.page.clock.resume();
  await card.part("notice-again").click();
  await card.isLive();
  const keys = new Set(card.posts.map((post) => post.headers()["idempotency-key"]));
  assert.equal(keys.size, 1, "it may have arrived: the key stays");
});

test("without a stream of events the upload is followed by long polls", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  const waits = [];
  await card.page.route("**/user/uploads/*/events", (route) => {
    const problem = { type: "/problems/not_found", title: "", status: 404, detail: "There is nothing at this address.", code: "not_found" };
    route.fulfill({ status: 404, contentType: "application/problem+json", json: problem });
  });
  card.page.on("request", (request) => request.url().includes("wait=25") && waits.push(request));
  await card.pick(PHOTO);
  const polled = card.page.waitForRequest(/wait=25/);
  await card.save();
  await polled;
  await card.isAt("queued");
  release();
  await card.isLive();
  assert.equal(waits.length, 1);
});

test("a token that ends in the middle is asked for again, and then the upload goes on", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.page.route("**/user/uploads/**", (route) => {
    const problem = { type: "/problems/token_expired", title: "The token has expired", status: 401, detail: "It has.", code: "token_expired" };
    route.fulfill({ status: 401, contentType: "application/problem+json", json: problem });
  });
  await card.save();
  await card.page.locator("#token-fault:not(:empty)").waitFor();
  await card.page.unrouteAll();
  await card.open();
  await card.isAt("queued");
  release();
  await card.isLive();
});
