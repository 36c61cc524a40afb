import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { Card } from "./harness/card.js";
import { serveProxy } from "./harness/proxy.js";
import { newUser, tokenOf, url } from "./harness/system.js";

after(closeBrowser);

test("the page is served under a strict policy, and asked for again each time", async () => {
  const page = await fetch(`${url}/`);
  const header = (name) => page.headers.get(name);
  assert.equal(page.status, 200);
  const policy = header("content-security-policy");
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) {
    assert.ok(policy.split("; ").includes(rule), `${rule} in ${policy}`);
  }
  assert.equal(header("cache-control"), "no-cache");
  assert.equal(header("x-content-type-options"), "nosniff");
  assert.equal(header("referrer-policy"), "no-referrer");
  assert.equal(header("cross-origin-opener-policy"), "same-origin");
  const again = await fetch(`${url}/`, { headers: { "If-None-Match": header("etag") } });
  assert.equal(again.status, 304);
});

test("the client may be imported by any site", async () => {
  const client = await fetch(`${url}/client.js`);
  assert.equal(client.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(client.headers.get("access-control-allow-origin"), "*");
  assert.equal(client.headers.get("cross-origin-resource-policy"), "cross-origin");
  const source = await client.text();
  assert.doesNotMatch(source, /^import /m, "one module without dependencies");
});

test("the page works under a path of a proxy", async (t) => {
  const proxy = await serveProxy(t, undefined, "/a/path");
  const page = await newPage(t);
  const card = new Card(page, newUser());
  await page.goto(`${proxy}/#token=${tokenOf(card.user)}`);
  await card.part("choose").waitFor();
  await card.pick("size-400x400-baseline.jpg");
  await card.save();
  await card.isLive();
  // Pictures have their public address, which the policy knows.
  await page.waitForFunction(() => document.querySelector("#current img").naturalWidth === 200);
});
