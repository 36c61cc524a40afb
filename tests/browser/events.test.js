// GET /user/uploads/{id}/events.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { openCard } from "./harness/card.js";
import { held } from "./harness/system.js";

after(closeBrowser);

test("the states come as a stream of events, and no long poll is needed", async (t) => {
  const release = held(t);
  const card = await openCard(t);
  const asked = [];
  card.page.on("request", (request) => asked.push(request.url()));
  const stream = card.page.waitForResponse(/\/events$/);
  await card.pick("12mp-baseline-420.jpg");
  await card.save();
  assert.equal((await stream).headers()["content-type"].split(";")[0], "text/event-stream");
  await card.isAt("queued");
  release();
  await card.isLive();
  assert.ok(!asked.some((address) => address.includes("wait=")), asked.join("\n"));
});
