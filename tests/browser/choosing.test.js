import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { Card, openCard } from "./harness/card.js";
import { ALIKE, difference } from "./harness/pixels.js";
import { newUser, tokenOf, url } from "./harness/system.js";

after(closeBrowser);

const PHOTO = "12mp-baseline-420.jpg";
const MIDDLE = { x: 500, y: 0, width: 3000, height: 3000 };

test("a photo that is picked becomes the picture everywhere on the card", async (t) => {
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.save();
  const address = await card.isLive();
  assert.ok((await difference(card.page, address, PHOTO, MIDDLE)) < ALIKE);
  const shown = await card.page.locator("#current img, .places img").evaluateAll((all) => all.map(({ src }) => src));
  assert.deepEqual(shown, Array(6).fill(address));
  await card.part("remove").waitFor();
});

test("a photo that is dropped becomes the picture, wherever on the page it is dropped", async (t) => {
  const card = await openCard(t);
  for (const place of ["#drop", "h1"]) {
    await card.drop(PHOTO, place);
    await card.save();
    await card.isLive();
  }
  assert.deepEqual(card.sentCrop, MIDDLE);
});

test("a photo that is pasted becomes the picture", async (t) => {
  const card = await openCard(t);
  await card.paste("png-rgb-8.png");
  await card.save();
  const address = await card.isLive();
  assert.ok(address.endsWith(".png"), address);
});

test("another photo can be chosen in the middle of positioning the first", async (t) => {
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.part("save").waitFor();
  await card.drop("size-400x400-baseline.jpg", "#stage");
  await card.page.waitForFunction(() => document.querySelector("#stage-photo").naturalWidth === 400);
  await card.save();
  await card.isLive();
  assert.deepEqual(card.sentCrop, { x: 0, y: 0, width: 400, height: 400 });
});

test("a photo that is discarded leaves everything as it was", async (t) => {
  const card = await openCard(t);
  await card.pick(PHOTO);
  await card.part("discard").click();
  await card.part("choose").waitFor();
  assert.equal(await card.page.locator(".places img").count(), 0);
  assert.equal(card.posts.length, 0);
});

test("what is no photo is refused with words that help and a reference", async (t) => {
  const card = await openCard(t);
  await card.pick("other-pdf-as.jpg");
  const words = await card.hasFailed();
  assert.match(words, /isn't a photo we can use\s+It is PDF\. Choose a photo in JPEG, PNG or GIF\./);
  assert.match(words, /invalid_format, reference [0-9a-f-]{36}/);
  assert.equal(await card.page.evaluate(() => document.activeElement.id), "notice");
});

test("a photo that only a worker finds to be damaged is refused with words that help", async (t) => {
  const card = await openCard(t);
  await card.pick("cut-baseline-50.jpg");
  await card.part("progress").or(card.part("crop")).first().waitFor();
  if (await card.part("save").isVisible()) await card.save();
  assert.match(await card.hasFailed(), /That photo is damaged/);
});

test("a phone offers its camera", async (t) => {
  const card = await openCard(t, { hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } });
  await card.page.locator("label[for=camera]").waitFor();
  assert.equal(await card.part("camera").getAttribute("capture"), "user");
  await card.pick("size-400x400-baseline.jpg");
  await card.part("crop").waitFor();
  assert.match(await card.part("crop-help").innerText(), /^Drag the photo, pinch to zoom, or tap/);
});

test("the token of a link is taken out of the address and kept for this tab alone", async (t) => {
  const card = await openCard(t);
  assert.equal(card.page.url(), `${url}/`);
  await card.page.reload();
  await card.part("account").waitFor();
  const other = await card.page.context().newPage();
  await other.goto(url);
  await other.locator("#token").waitFor();
});

test("a token is asked for, a bad one is refused, and signing out forgets it", async (t) => {
  const page = await newPage(t);
  const card = new Card(page, newUser());
  await page.goto(url);
  await card.part("token").fill(tokenOf(card.user, -3600));
  await page.keyboard.press("Enter");
  await page.locator("#token-fault:not(:empty)").waitFor();
  assert.equal(await card.part("token").getAttribute("aria-invalid"), "true");
  await card.part("token").fill(tokenOf(card.user));
  await page.keyboard.press("Enter");
  await card.part("choose").waitFor();
  assert.equal(await card.part("account-name").innerText(), card.user);
  await card.part("sign-out").click();
  await card.part("sign-in").waitFor();
  assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), {});
});
