// Two people at one tab, one after the other: nothing of the first is left to the second.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { openCard } from "./harness/card.js";
import { held, newUser, tokenOf, url } from "./harness/system.js";

after(closeBrowser);

const PHOTO = "size-400x400-baseline.jpg";

/** Somebody else signs in at the same tab, by the form or by a link. */
async function signInAs(card, user, how = "form") {
  card.user = user;
  if (how === "link") return await card.page.goto(`${url}/#token=${tokenOf(user)}`);
  await card.part("token").fill(tokenOf(user));
  await card.page.keyboard.press("Enter");
}

/** Requests to these addresses stay without an answer until they are let go. */
async function holdAnswers(page, pattern, method = "GET") {
  let letGo = () => {};
  const isLetGo = new Promise((resolve) => (letGo = resolve));
  let begun = () => {};
  const isBegun = new Promise((resolve) => (begun = resolve));
  await page.route(pattern, async (route) => {
    if (route.request().method() !== method) return route.continue();
    const answer = await route.fetch();
    begun();
    await isLetGo;
    // The page may not wait for it any more.
    await route.fulfill({ response: answer }).catch(() => {});
  });
  return { isBegun, letGo };
}

async function isOnlyOf(card, first) {
  await card.part("choose").waitFor();
  await card.part("history-empty").waitFor();
  assert.equal(await card.part("account-name").innerText(), card.user);
  assert.equal(await card.part("notice").isVisible(), false);
  assert.equal(await card.page.locator("#uploads li").count(), 0);
  assert.ok(!(await card.page.content()).includes(first), "nothing of the first is on the page");
  assert.equal(await card.page.locator("img[src]").count(), 0);
}

for (const how of ["form", "link"]) {
  test(`an upload under way isn't followed for who signs in next, by ${how}`, async (t) => {
    held(t);
    const card = await openCard(t);
    const first = card.user;
    await card.pick(PHOTO);
    await card.save();
    await card.isAt("queued");
    const asked = [];
    if (how === "form") await card.part("sign-out").click();
    card.page.on("response", (response) => response.status() === 404 && asked.push(response.url()));
    await signInAs(card, newUser(), how);
    await card.page.waitForFunction((name) => document.getElementById("account-name").textContent === name, card.user);
    await isOnlyOf(card, first);
    assert.deepEqual(asked, []);
    const keys = await card.page.evaluate(() => Object.keys(sessionStorage));
    assert.deepEqual(keys, ["pfp.token"]);
  });
}

test("who signs in again finds the upload that was under way", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.save();
  await card.isAt("queued");
  await card.part("sign-out").click();
  await signInAs(card, card.user);
  await card.isAt("queued");
  release();
  await card.isLive();
});

test("a list that comes after the signing out isn't shown", async (t) => {
  const card = await openCard(t);
  const first = card.user;
  await card.pick(PHOTO);
  await card.save();
  await card.isLive();
  await card.page.locator("#uploads li").waitFor();
  held(t);
  const { isBegun, letGo } = await holdAnswers(card.page, /\/user\/uploads\?/);
  await card.pick(PHOTO);
  await card.save();
  await card.isAt("queued");
  await isBegun;
  await card.part("sign-out").click();
  letGo();
  await card.page.waitForTimeout(300);
  assert.equal(await card.part("history").isVisible(), false);
  assert.equal(await card.page.locator("#uploads li").count(), 0);
  await card.page.unrouteAll();
  await signInAs(card, newUser());
  await isOnlyOf(card, first);
});

test("a name that comes after the signing out isn't shown", async (t) => {
  const card = await openCard(t);
  const { isBegun, letGo } = await holdAnswers(card.page, "**/user/me");
  await card.page.reload();
  await isBegun;
  await card.page.evaluate(() => document.getElementById("sign-out").click());
  letGo();
  await card.page.waitForTimeout(300);
  assert.equal(await card.part("sign-in").isVisible(), true);
  assert.equal(await card.part("account").isVisible(), false);
  assert.ok(!(await card.page.content()).includes(card.user));
});

test("what one began is never tried again in the name of the next", async (t) => {
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.save();
  await card.isLive();
  const removals = [];
  await card.page.route("**/user/profile-picture", (route) => {
    removals.push(route.request().headers().authorization);
    route.abort("connectionreset");
  });
  await card.part("remove").click();
  await card.page.waitForRequest(/profile-picture$/);
  const second = newUser();
  await card.part("sign-out").click();
  await signInAs(card, second);
  await card.part("choose").waitFor();
  await card.page.waitForTimeout(2500);
  assert.ok(removals.length > 0 && removals.every((token) => token === removals[0]), removals.join());
  assert.equal(await card.part("notice").isVisible(), false);
});
