// Cancel while a photo is sent: its last byte may have been faster.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { openCard } from "./harness/card.js";
import { serveProxy } from "./harness/proxy.js";
import { ask, held, pictureBytes } from "./harness/system.js";

after(closeBrowser);

const PHOTO = "12mp-baseline-420.jpg";
const UPLOAD = "/user/upload-profile-picture";

const uploadsOf = async (user) => (await (await ask(user, "/user/uploads")).json()).uploads;
const heard = (card) => card.part("announce").innerText();

/** The same photo, by another way. */
async function sendPast(user) {
  const headers = { "Content-Type": "image/jpeg" };
  return await (await ask(user, UPLOAD, { method: "POST", headers, body: pictureBytes(PHOTO) })).json();
}

/**
 * A card behind a proxy that has the whole upload, and passes it on and keeps the answer for itself, or does neither.
 * @returns the card, and what to do to send the photo and stop it there
 */
async function cardThatArrives(test, { arrives = () => true, before = async () => {} } = {}) {
  let reached = () => {};
  const base = await serveProxy(test, ({ incoming, pass }) => {
    if (!incoming.url.startsWith(UPLOAD)) return pass();
    if (!arrives()) return incoming.resume().on("end", () => setTimeout(reached, 200));
    pass().on("response", (answer) => {
      answer.unpipe();
      answer.resume();
      reached();
    });
  });
  const card = await openCard(test, { base });
  const stop = async () => {
    const isThere = new Promise((resolve) => (reached = resolve));
    await card.pick(PHOTO);
    await card.save();
    await isThere;
    await before(card);
    await card.part("stop").click();
  };
  return { card, stop };
}

test("what had arrived all the same is taken back, and the picture stays as it was", async (t) => {
  held(t);
  const { card, stop } = await cardThatArrives(t);
  await stop();
  await card.part("choose").waitFor();
  assert.equal(await heard(card), "Stopped. Your picture stays as it was.");
  assert.deepEqual((await uploadsOf(card.user)).map(({ status }) => status), ["cancelled"]);
  await card.page.locator("#uploads [data-status=cancelled]").waitFor();
});

test("what is being made already is followed, and the page says why", async (t) => {
  const release = held(t);
  const { card, stop } = await cardThatArrives(t);
  // A worker takes it between the look and the cancelling.
  await card.page.route(/\/user\/uploads\/[0-9a-f-]+$/, async (route) => {
    if (route.request().method() !== "DELETE") return route.continue();
    const problem = { type: "/problems/upload_not_cancellable", title: "", status: 409, detail: "It is being made.", code: "upload_not_cancellable" };
    await route.fulfill({ status: 409, contentType: "application/problem+json", json: problem });
  });
  await stop();
  await card.part("progress-note").filter({ hasText: "It can't be stopped any more" }).waitFor();
  release();
  await card.isLive();
});

test("what is the picture already isn't called unchanged", async (t) => {
  const before = async ({ user }) => {
    const [{ id }] = await uploadsOf(user);
    await ask(user, `/user/uploads/${id}?wait=30`);
  };
  const { card, stop } = await cardThatArrives(t, { before });
  await stop();
  await card.page.locator("#notice.remark").waitFor();
  assert.match(await card.page.locator(".notice-words").innerText(), /Too late to stop\s+Your photo had arrived already/);
  await card.page.locator("#current img").waitFor();
});

test("where nobody can tell, the page doesn't claim to know", async (t) => {
  held(t);
  const { card, stop } = await cardThatArrives(t);
  await card.page.route(/\/user\/uploads\?/, (route) => route.fulfill({ status: 500, contentType: "text/html", body: "<h1>Sorry</h1>" }));
  await stop();
  await card.page.locator("#notice.remark").waitFor();
  assert.match(await card.page.locator(".notice-words").innerText(), /Stopped, perhaps too late/);
});

test("what has gone and not arrived may still arrive: the page says so", async (t) => {
  const { card, stop } = await cardThatArrives(t, { arrives: () => false });
  await stop();
  await card.page.locator("#notice.remark").waitFor();
  assert.match(await card.page.locator(".notice-words").innerText(), /nothing has arrived so far/);
});

test("an upload of the same photo before isn't taken for this one", async (t) => {
  const { card, stop } = await cardThatArrives(t, { arrives: () => false });
  const { id } = await sendPast(card.user);
  await ask(card.user, `/user/uploads/${id}?wait=30`);
  await card.page.reload();
  await card.page.locator("#uploads li").waitFor();
  const address = await card.page.locator("#current img").getAttribute("src");
  await stop();
  await card.page.locator("#notice.remark").waitFor();
  assert.match(await card.page.locator(".notice-words").innerText(), /nothing has arrived so far/);
  assert.equal(await card.page.locator("#current img").getAttribute("src"), address);
});

test("a real connection that is closed at the very end leaves no picture behind", async (t) => {
  held(t);
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.page.evaluate(() => {
    const share = document.getElementById("progress-share");
    new MutationObserver(() => {
      const [sent, total] = share.textContent.split(" of ");
      if (sent === total) document.getElementById("stop").click();
    }).observe(share, { childList: true });
  });
  await card.save();
  await card.part("progress").waitFor({ state: "hidden" });
  const unfinished = (await uploadsOf(card.user)).filter(({ status }) => status !== "cancelled");
  assert.deepEqual(unfinished, []);
});
