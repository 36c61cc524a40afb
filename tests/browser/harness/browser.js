// Chromium, and a page that reports whatever goes wrong on it.

import assert from "node:assert/strict";
import { atEnd } from "./at_end.js";
import { require } from "./system.js";

const { chromium } = require("playwright-core");

const FLAGS = [
  "--no-sandbox", // as root there is none
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What browsers write about every answer of 4xx and 5xx and every lost connection, however well it is handled. */
const TOLD_OF_EVERY_REFUSAL = /^Failed to load resource: (the server responded with a status of|net::ERR_)/;

let browser;

function launched(flags = []) {
  return chromium.launch({ executablePath: process.env.PFP_CHROMIUM ?? "/usr/bin/chromium", args: [...FLAGS, ...flags] });
}

/**
 * A page in a context of its own: nothing of other tests is in its storage. It is closed with the test.
 * @param test
 * @param {object} [options] Of the context; with flags it is in a browser of its own.
 */
export async function newPage(test, { flags, ...options } = {}) {
  const own = flags && (await launched(flags));
  if (own) atEnd(test, () => own.close());
  else browser ??= await launched();
  const context = await (own ?? browser).newContext({ viewport: { width: 768, height: 1000 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    const isFault = ["error", "warning"].includes(message.type());
    if (isFault && !TOLD_OF_EVERY_REFUSAL.test(message.text())) faults.push(message.text());
  });
  await page.exposeFunction("tellViolation", (violation) => faults.push(`policy: ${violation}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => window.tellViolation(`${event.violatedDirective} ${event.blockedURI}`));
  });
  atEnd(test, async () => {
    await context.close();
    assert.deepEqual(faults, [], "nothing is in the console, and the policy was kept");
  });
  return page;
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}
