// A browser may forbid storage, or have no room in it: the page then works until it is left.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { Card } from "./harness/card.js";
import { newUser, tokenOf, url } from "./harness/system.js";

after(closeBrowser);

const FAULTS = {
  forbidden: () => {
    const get = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    Object.defineProperty(window, "sessionStorage", { get });
  },
  full: () => {
    Storage.prototype.setItem = () => {
      throw new DOMException("There is no room.", "QuotaExceededError");
    };
  },
};

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`with storage that is ${name} one signs in, uploads and signs out`, async (t) => {
    const page = await newPage(t);
    await page.addInitScript(fault);
    const card = new Card(page, newUser());
    await page.goto(url);
    await card.part("token").fill(tokenOf(card.user));
    await page.keyboard.press("Enter");
    await card.part("choose").waitFor();
    await card.pick("size-400x400-baseline.jpg");
    await card.save();
    await card.isLive();
    await card.part("sign-out").click();
    await card.part("sign-in").waitFor();
    await card.open();
    await card.page.locator("#current img").waitFor();
  });

  test(`with storage that is ${name} the client knows what is unfinished`, async (t) => {
    const page = await newPage(t);
    await page.addInitScript(fault);
    await page.goto(`${url}/client.js`);
    const seen = await page.evaluate(async (token) => {
      const { Client } = await import("./client.js");
      const client = new Client({ token });
      const canvas = new OffscreenCanvas(300, 300);
      canvas.getContext("2d").fillRect(0, 0, 300, 300);
      const { id } = await client.send(await canvas.convertToBlob());
      const during = client.unfinished;
      await client.follow(id);
      return { isKnown: during.length === 1 && during[0] === id, after: client.unfinished };
    }, tokenOf(newUser()));
    assert.deepEqual(seen, { isKnown: true, after: [] });
  });
}
