import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { Card, openCard } from "./harness/card.js";
import { ask, held, newUser, packageFile, pictureBytes, url } from "./harness/system.js";

after(closeBrowser);

const PHOTO = "12mp-baseline-420.jpg";
const AXE = readFileSync(packageFile("axe-core/axe.min.js"), "utf8");
const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
const { PFP_TEST_SCREENSHOTS: SCREENSHOTS } = process.env;

/** The state that the page is in has nothing to complain of, and fits its width. */
async function isAccessible(page, state) {
  if (SCREENSHOTS) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    const { width } = page.viewportSize();
    const scheme = await page.evaluate(() => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    await page.screenshot({ path: join(SCREENSHOTS, `${state}-${width}-${scheme}.png`), fullPage: true });
  }
  const { violations } = await page.evaluate(`${AXE}; axe.run(document, ${JSON.stringify(RULES)})`);
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(told, [], state);
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(tooWide, false, `${state} scrolls sideways`);
}

/** WCAG 2.5.8: what can be pressed is 24 pixels or more. */
async function targetsAreLarge(page) {
  const small = await page.locator("button, label.button, input:not(.unseen), #stage").evaluateAll((all) =>
    all.filter((one) => one.checkVisibility()).map((one) => [one.id, one.getBoundingClientRect()]).filter(([, { width, height }]) => width < 24 || height < 24),
  );
  assert.deepEqual(small, []);
}

for (const [width, colorScheme] of [320, 768, 1280].flatMap((width) => [[width, "light"], [width, "dark"]])) {
  test(`every state is accessible, ${width} pixels wide and ${colorScheme}`, async (t) => {
    const release = held(t);
    const card = new Card(await newPage(t, { colorScheme, viewport: { width, height: 900 } }), newUser());
    const { page } = card;
    await page.goto(url);
    await card.part("sign-in").waitFor();
    await isAccessible(page, "signing-in");
    await card.open();
    await card.part("choose").waitFor();
    await isAccessible(page, "choosing");
    await targetsAreLarge(page);
    await card.pick(PHOTO);
    await card.part("crop").waitFor();
    await isAccessible(page, "positioning");
    await targetsAreLarge(page);
    await card.save();
    await card.isAt("queued");
    await isAccessible(page, "waiting");
    release();
    await card.isLive();
    await isAccessible(page, "done");
    await targetsAreLarge(page);
    await card.pick("other-pdf-as.jpg");
    await card.hasFailed();
    await isAccessible(page, "refused");
    await page.evaluate(async () => (await import("./page/notice.js")).showRemark("Stopped", "Your photo had been sent, but nothing has arrived so far."));
    await isAccessible(page, "remark");
  });
}

for (const [width, colorScheme] of [320, 1280].flatMap((width) => [[width, "light"], [width, "dark"]])) {
  test(`a history of every outcome is accessible, ${width} pixels wide and ${colorScheme}`, async (t) => {
    const user = newUser();
    // Each is final before the next.
    for (const name of [PHOTO, "cut-baseline-50.jpg", "animated-50-frames.gif", "png-rgb-8.png"]) await upload(user, name, 30);
    const release = held(t);
    const { id } = await upload(user, "size-200x200-baseline.jpg");
    await ask(user, `/user/uploads/${id}`, { method: "DELETE" });
    await upload(user, PHOTO);
    const card = await openCard(t, { user, colorScheme, viewport: { width, height: 900 } });
    const { page } = card;
    const statuses = () => page.locator(".upload-status").allInnerTexts();
    await card.isAt("queued");
    await page.locator("#uploads img").evaluateAll((all) => Promise.all(all.map((img) => img.decode())));
    assert.deepEqual(await statuses(), ["Waiting", "Cancelled", "Current picture", "Made, then replaced", "Not usable", "Made, then replaced"]);
    await isAccessible(page, "history-waiting");
    await targetsAreLarge(page);
    release();
    await card.isLive();
    await page.locator("#uploads [data-status=queued]").waitFor({ state: "detached" });
    await isAccessible(page, "history");
    await targetsAreLarge(page);
  });
}

/** Past the page. */
async function upload(user, name, wait = 0) {
  const headers = { "Content-Type": "application/octet-stream", ...(wait && { Prefer: `wait=${wait}` }) };
  return await (await ask(user, "/user/upload-profile-picture", { method: "POST", headers, body: pictureBytes(name) })).json();
}

test("everything can be done by the keyboard alone", async (t) => {
  const card = await openCard(t);
  const { page } = card;
  const tabTo = async (id) => {
    for (let i = 0; i < 20; i++) {
      if ((await page.evaluate(() => document.activeElement.id)) === id) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`${id} can't be reached`);
  };
  // Asked for in advance: the browser has to be told to hand the dialog over.
  const chooser = page.waitForEvent("filechooser");
  await tabTo("file");
  const outline = await page.locator("label[for=file]").evaluate((label) => getComputedStyle(label).outlineStyle);
  assert.equal(outline, "solid", "the focus is seen");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(join(process.env.PFP_TEST_PICTURES, PHOTO));
  await card.part("crop").waitFor();
  await page.keyboard.press("+");
  await tabTo("zoom");
  await page.keyboard.press("ArrowRight");
  await tabTo("save");
  await page.keyboard.press("Enter");
  await card.isLive();
  assert.ok(card.sentCrop.width < 2600, JSON.stringify(card.sentCrop));
  await tabTo("sign-out");
  await page.keyboard.press("Enter");
  await card.part("sign-in").waitFor();
});

test("those who hear the page are told of every state", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  const { page } = card;
  await page.evaluate(() => {
    window.heard = [];
    const place = document.getElementById("announce");
    new MutationObserver(() => window.heard.push(place.textContent)).observe(place, { childList: true });
  });
  await card.pick(PHOTO);
  await card.save();
  await card.isAt("queued");
  release();
  await card.isLive();
  const heard = (await page.evaluate(() => window.heard)).join("\n");
  for (const words of ["Preparing your photo", "Sending", "percent sent", "Waiting for its turn", "Your new picture is live"]) {
    assert.ok(heard.includes(words), heard);
  }
});

test("who asks for less motion gets none", async (t) => {
  held(t);
  const card = await openCard(t, { reducedMotion: "reduce" });
  await card.pick(PHOTO);
  await card.save();
  await card.isAt("queued");
  assert.equal(await card.page.evaluate(() => document.getAnimations().length), 0);
});
