// GET /user/uploads, DELETE /user/uploads/{id}, DELETE /user/profile-picture.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { openCard } from "./harness/card.js";
import { problem } from "./harness/proxy.js";
import { ask, held, pictureBytes } from "./harness/system.js";

after(closeBrowser);

/** Sends a photo past the page. @returns {Promise<string>} its id */
async function send(user, name = "size-200x200-baseline.jpg", wait = true) {
  const headers = { "Content-Type": "image/jpeg" };
  const answer = await ask(user, "/user/upload-profile-picture", { method: "POST", headers, body: pictureBytes(name) });
  const { id } = await answer.json();
  if (wait) await ask(user, `/user/uploads/${id}?wait=30`);
  return id;
}

const statuses = (card) => card.page.locator(".upload-status").allInnerTexts();

test("what was uploaded is listed newest first, with what became of it", async (t) => {
  const card = await openCard(t);
  await card.part("history-empty").waitFor();
  await send(card.user);
  await send(card.user, "cut-baseline-50.jpg");
  await send(card.user);
  await card.page.reload();
  await card.page.locator("#uploads li").nth(2).waitFor();
  assert.deepEqual(await statuses(card), ["Current picture", "Not usable", "Made, then replaced"]);
  assert.match(await card.page.locator("#uploads li").nth(1).innerText(), /That photo is damaged\./);
  assert.equal(await card.page.locator("#uploads img").count(), 1);
});

test("an upload appears in the list while it is made, and its end does too", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  await card.pick("size-400x400-baseline.jpg");
  await card.save();
  await card.page.locator("#uploads [data-status=queued]").waitFor();
  release();
  await card.isLive();
  await card.page.locator("#uploads [data-status=succeeded]").waitFor();
  assert.deepEqual(await statuses(card), ["Current picture"]);
});

test("a long list comes a page at a time, and the keyboard goes on with what has come", async (t) => {
  const card = await openCard(t);
  for (let i = 0; i < 11; i++) await send(card.user);
  await card.page.reload();
  await card.part("more").click();
  await card.page.locator("#uploads li").nth(10).waitFor();
  const ids = await card.page.locator("#uploads li").evaluateAll((items) => items.map(({ dataset }) => dataset.id));
  assert.equal(new Set(ids).size, 11);
  assert.equal(await card.page.evaluate(() => document.activeElement.dataset.id), ids[8]);
  await card.part("more").waitFor({ state: "hidden" });
});

test("a page of the list that can't be had is told of, and can be asked for again", async (t) => {
  const card = await openCard(t);
  for (let i = 0; i < 9; i++) await send(card.user);
  await card.page.reload();
  await card.page.route(/cursor=/, (route) => route.fulfill({ status: 500, contentType: "application/problem+json", json: problem("unexpected_error", 500) }));
  await card.part("more").click();
  assert.match(await card.hasFailed(), /Something went wrong on our side/);
  await card.page.unrouteAll();
  await card.part("more").click();
  await card.page.locator("#uploads li").nth(8).waitFor();
});

test("a queued upload is cancelled, and the picture stays as it was", async (t) => {
  const card = await openCard(t);
  await send(card.user);
  await card.page.reload();
  await card.part("remove").waitFor();
  held(t);
  await card.pick("size-400x400-baseline.jpg");
  await card.save();
  await card.isAt("queued");
  await card.part("stop").click();
  assert.match(await card.hasFailed(), /The upload was cancelled\s+Your picture stays as it was\./);
  await card.page.locator("#uploads [data-status=cancelled]").waitFor();
  assert.deepEqual(await statuses(card), ["Cancelled", "Current picture"]);
});

test("a queued upload of another tab is cancelled from the list", async (t) => {
  const card = await openCard(t);
  held(t);
  await send(card.user, undefined, false);
  const second = await send(card.user, undefined, false);
  await card.page.reload();
  // The newest is followed; the list offers to cancel both.
  await card.isAt("queued");
  await card.page.locator(`[data-id="${second}"] button`).click();
  await card.page.locator(`[data-id="${second}"][data-status=cancelled]`).waitFor();
  await card.page.locator("#uploads [data-status=queued] button").click();
  await card.page.locator("#uploads [data-status=cancelled]").nth(1).waitFor();
});

test("the picture is removed, and the initial is shown instead", async (t) => {
  const card = await openCard(t);
  await send(card.user);
  await card.page.reload();
  await card.part("remove").click();
  await card.page.locator("#notice.good").waitFor();
  assert.equal(await card.page.locator(".places img").count(), 0);
  assert.equal(await card.page.locator("#current").innerText(), "B");
  const me = await (await ask(card.user, "/user/me")).json();
  assert.equal(me.profile_picture_url, null);
  assert.equal(await card.part("remove").isVisible(), false);
});
