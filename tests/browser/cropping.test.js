import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { openCard } from "./harness/card.js";
import { ALIKE, UNLIKE, difference } from "./harness/pixels.js";

after(closeBrowser);

const PHOTO = "12mp-baseline-420.jpg";
const MIDDLE = { x: 500, y: 0, width: 3000, height: 3000 };

/** A card with a photo under the crop square, and where the square's middle is. */
async function cardWith(test, name, options) {
  const card = await openCard(test, options);
  await card.pick(name);
  await card.part("save").waitFor();
  const box = await card.part("stage").boundingBox();
  return { card, x: box.x + box.width / 2, y: box.y + box.height / 2, side: box.width * 0.8 };
}

/** Saves, and makes sure that the picture shows what was sent, and not the middle of the photo. */
async function pictureFollows(card, name, before = MIDDLE) {
  await card.save();
  const address = await card.isLive();
  const crop = card.sentCrop;
  const apart = await difference(card.page, address, name, crop);
  assert.ok(apart < ALIKE, `${name} ${JSON.stringify(crop)}: ${apart} apart`);
  if (before) assert.ok((await difference(card.page, address, name, before)) > UNLIKE, JSON.stringify(crop));
  return crop;
}

/** @param {number} a @param {number} b */
function near(a, b, tolerance = 12) {
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is near ${b}`);
}

test("dragging moves the photo under the square, and the picture follows", async (t) => {
  const { card, x, y, side } = await cardWith(t, PHOTO);
  await card.page.mouse.move(x, y);
  await card.page.mouse.down();
  await card.page.mouse.move(x + side / 10, y, { steps: 4 });
  await card.page.mouse.up();
  const crop = await pictureFollows(card, PHOTO);
  near(crop.x, 200);
  near(crop.width, 3000, 1);
});

test("the wheel zooms around the pointer, and the picture follows", async (t) => {
  const { card, x, y, side } = await cardWith(t, PHOTO);
  await card.page.mouse.move(x - side / 2 + 1, y - side / 2 + 1);
  await card.page.mouse.wheel(0, -277);
  await card.page.waitForFunction(() => document.querySelector("#zoom").value > 20);
  const crop = await pictureFollows(card, PHOTO);
  // Twice as large, and the corner where it was.
  near(crop.width, 1500, 20);
  near(crop.x, 500, 30);
  near(crop.y, 0, 30);
});

test("a click brings its spot into the middle", async (t) => {
  const { card, x, y, side } = await cardWith(t, PHOTO);
  await card.part("zoom").fill("50");
  const before = await card.page.locator("#stage-photo").evaluate((photo) => photo.style.transform);
  await card.page.mouse.click(x - side / 4, y - side / 4);
  assert.notEqual(await card.page.locator("#stage-photo").evaluate((photo) => photo.style.transform), before);
  const crop = await pictureFollows(card, PHOTO);
  near(crop.x + crop.width / 2, 2000 - crop.width / 4);
  near(crop.y + crop.height / 2, 1500 - crop.height / 4);
});

test("two fingers zoom and move at once, and the picture follows", async (t) => {
  const { card, x, y, side } = await cardWith(t, PHOTO, { hasTouch: true, isMobile: true, viewport: { width: 390, height: 900 } });
  const session = await card.page.context().newCDPSession(card.page);
  const touch = (type, ...points) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([px, py], id) => ({ x: px, y: py, id })) });
  await touch("touchStart", [x - side / 8, y], [x + side / 8, y]);
  await touch("touchMove", [x - side / 6, y], [x + side / 6, y]);
  await touch("touchMove", [x - side / 4, y - side / 8], [x + side / 4, y - side / 8]);
  await touch("touchEnd");
  const crop = await pictureFollows(card, PHOTO);
  near(crop.width, 1500, 30);
  assert.ok(crop.y > 800, `fingers that go up take the photo up: ${crop.y}`);
});

test("keys move and zoom the square, say where it is, and start over", async (t) => {
  const { card } = await cardWith(t, PHOTO);
  const { keyboard } = card.page;
  assert.equal(await card.page.evaluate(() => document.activeElement.id), "stage");
  for (const key of ["+", "+", "+", "+", "+", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowDown"]) await keyboard.press(key);
  assert.match(await card.part("announce").innerText(), /^1491 pixels wide, \d+ from the left, \d+ from the top\.$/);
  const moved = await card.page.locator("#stage-photo").evaluate((photo) => photo.style.transform);
  await keyboard.press("0");
  assert.notEqual(await card.page.locator("#stage-photo").evaluate((photo) => photo.style.transform), moved);
  for (const key of ["+", "+", "+", "+", "+", "Shift+ArrowLeft", "ArrowUp"]) await keyboard.press(key);
  const crop = await pictureFollows(card, PHOTO);
  near(crop.width, 1491, 1);
  near(crop.x, 1254 + 149);
  near(crop.y, 754 + 30);
});

test("the square stays within the photo and above its smallest size", async (t) => {
  const { card } = await cardWith(t, PHOTO);
  await card.part("zoom").fill("100");
  await card.part("stage").focus();
  for (let i = 0; i < 200; i++) await card.page.keyboard.press("Shift+ArrowLeft");
  await card.save();
  await card.isLive();
  assert.deepEqual([card.sentCrop.x + card.sentCrop.width, card.sentCrop.width], [4000, 300]);
});

test("a photo with an orientation is shown upright, and the crop means the upright photo", async (t) => {
  for (const [name, width, height] of [
    ["phone-12mp-exif6.jpg", 4000, 3000],
    ["orientation-portrait-6-intel.jpg", 603, 907],
    ["orientation-landscape-5-motorola.jpg", 905, 602],
    ["orientation-6.png", 301, 201],
  ]) {
    const { card } = await cardWith(t, name);
    const size = await card.page.locator("#stage-photo").evaluate((photo) => [photo.naturalWidth, photo.naturalHeight]);
    assert.deepEqual(size, [width, height], name);
    await card.page.keyboard.press("+");
    await card.page.keyboard.press("+");
    for (let i = 0; i < 40; i++) await card.page.keyboard.press(width > height ? "ArrowLeft" : "ArrowUp");
    const crop = await pictureFollows(card, name, null);
    const end = width > height ? crop.x + crop.width - width : crop.y + crop.height - height;
    near(end, 0, 1);
  }
});

test("while the photo is moved every avatar shows what it would be", async (t) => {
  const { card } = await cardWith(t, PHOTO);
  const places = () => card.page.locator(".places img").evaluateAll((all) => all.map((photo) => photo.style.transform));
  const before = await places();
  assert.equal(before.length, 5);
  await card.page.keyboard.press("Shift+ArrowLeft");
  const after = await places();
  after.forEach((transform, i) => assert.notEqual(transform, before[i]));
});
