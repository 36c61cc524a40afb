import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { base64Of, openCard } from "./harness/card.js";
import { ALIKE, difference } from "./harness/pixels.js";
import { tokenOf } from "./harness/system.js";

after(closeBrowser);

/** Picks, zooms and moves, saves; the picture has to show that part of the photo. */
async function saveCorner(card, name, width, height) {
  await card.pick(name);
  await card.part("save").waitFor();
  for (const key of ["+", "+", "+", "+", "+"]) await card.page.keyboard.press(key);
  for (let i = 0; i < 60; i++) await card.page.keyboard.press("Shift+ArrowLeft");
  for (let i = 0; i < 20; i++) await card.page.keyboard.press("Shift+ArrowUp");
  await card.save();
  const note = await card.page.waitForFunction(() => document.getElementById("progress-note").textContent);
  const address = await card.isLive();
  const side = Math.floor(Math.min(width, height) / 1.15 ** 5);
  const crop = { x: width - side, y: height - side, width: side, height: side };
  const apart = await difference(card.page, address, name, crop);
  assert.ok(apart < ALIKE, `${name}: ${apart} apart`);
  return { note: await note.jsonValue(), address };
}

test("a file over the limit is made smaller here, and shows the same part", async (t) => {
  const card = await openCard(t);
  const { note } = await saveCorner(card, "size-5mib-and-1.jpg", 4000, 3000);
  assert.match(note, /^Converted on this device: 5 MB became [\d.]+ (KB|MB), JPEG\.$/);
  assert.equal(card.sentCrop, null, "what is sent is the part itself");
});

test("a WebP becomes a JPEG, and one that is transparent a PNG", async (t) => {
  const card = await openCard(t);
  const { note, address } = await saveCorner(card, "other.webp", 300, 220);
  assert.match(note, /JPEG\.$/);
  assert.ok(address.endsWith(".jpg"), address);
  const type = await card.page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 300 });
    canvas.getContext("2d").fillRect(100, 100, 100, 100);
    const webp = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp"));
    const { Client } = await import("./client.js");
    const client = new Client({ token: sessionStorage.getItem("pfp.token") });
    return (await client.upload(webp)).content_type;
  });
  assert.equal(type, "image/png");
});

test("a photo with too many pixels is made smaller here", async (t) => {
  const card = await openCard(t);
  const { note } = await saveCorner(card, "size-16384x3907.jpg", 16384, 3907);
  assert.match(note, /JPEG\.$/);
});

test("a photo whose sides are turned by its orientation is converted upright, with the right part", async (t) => {
  const card = await openCard(t);
  const crop = { x: 2000, y: 500, width: 1500, height: 1500 };
  const result = await uploadWith(card, "phone-12mp-exif6.jpg", { crop, limits: { maxFileSize: 300_000 } });
  assert.ok(result.size_bytes <= 300_000, String(result.size_bytes));
  assert.ok((await difference(card.page, result.picture_url, "phone-12mp-exif6.jpg", crop)) < ALIKE);
});

test("a limit that the client doesn't know is learned from the refusal, and kept from then on", async (t) => {
  const card = await openCard(t);
  const result = await uploadWith(card, "size-5mib-and-1.jpg", { limits: { maxFileSize: 1e9 } });
  assert.equal(result.status, "succeeded");
  assert.equal(card.posts.length, 2);
  assert.equal(result.limit, 5 * 1024 * 1024);
});

test("a limit that only a worker looks at is learned from the rejection", async (t) => {
  const card = await openCard(t);
  const result = await uploadWith(card, "size-16384x3907.jpg", { limits: { maxPixels: 1e9 } });
  assert.equal(result.status, "succeeded");
  const keys = new Set(card.posts.map((post) => post.headers()["idempotency-key"]));
  assert.equal(keys.size, 2, "the rejected upload is final");
});

test("a type that isn't known to be refused is learned from the refusal", async (t) => {
  const card = await openCard(t);
  const limits = { allowedTypes: ["image/jpeg", "image/png", "image/gif", "image/webp"] };
  const result = await uploadWith(card, "other.webp", { limits });
  assert.equal(result.status, "succeeded");
});

test("without conversion the photo is sent as it is, and refused", async (t) => {
  const card = await openCard(t);
  const result = await uploadWith(card, "other.webp", { shrink: false });
  assert.deepEqual([result.code, result.detected], ["invalid_format", "webp"]);
  assert.equal(card.posts.length, 1);
});

test("an animation that fits is sent as it is, with its crop", async (t) => {
  const card = await openCard(t);
  await card.pick("animated-50-frames.gif");
  await card.save();
  const address = await card.isLive();
  assert.ok(address.endsWith(".gif"), address);
  assert.deepEqual(card.sentCrop, { x: 40, y: 0, width: 240, height: 240 });
});

/** Uploads by the client alone. @returns the upload, or the error's members; and the file limit afterwards */
async function uploadWith(card, name, { limits, ...options } = {}) {
  const args = { base64: base64Of(name), token: tokenOf(card.user), limits, options };
  return await card.page.evaluate(async ({ base64, token, limits, options }) => {
    const { Client } = await import("./client.js");
    const client = new Client({ token, limits });
    const file = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]);
    const outcome = await client.upload(file, options).catch((error) => ({ ...error }));
    return { ...outcome, limit: client.limits.maxFileSize };
  }, args);
}
