import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { after, test } from "node:test";
import { atEnd } from "./harness/at_end.js";
import { closeBrowser, newPage } from "./harness/browser.js";
import { Card } from "./harness/card.js";
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
  const proxy = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith("/a/path/")) return outgoing.writeHead(404).end();
    const target = new URL(incoming.url.slice("/a/path".length), url);
    const passed = request(target, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  atEnd(t, () => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const page = await newPage(t);
  const card = new Card(page, newUser());
  await page.goto(`http://127.0.0.1:${proxy.address().port}/a/path/#token=${tokenOf(card.user)}`);
  await card.part("choose").waitFor();
  await card.pick("size-400x400-baseline.jpg");
  await card.save();
  await card.isLive();
  // Pictures have their public address, which the policy knows.
  await page.waitForFunction(() => document.querySelector("#current img").naturalWidth === 200);
});
