import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { closeBrowser } from "./harness/browser.js";
import { base64Of } from "./harness/card.js";
import { pageWithClient } from "./harness/client.js";
import { held, packageFile, url } from "./harness/system.js";

after(closeBrowser);

test("an upload resolves with the picture, and tells each state once", async (t) => {
  const page = await pageWithClient(t);
  const { upload, told, me } = await page.evaluate(async () => {
    const told = [];
    const upload = await window.client.upload(window.photo, {
      onPrepared: ({ reencoded }) => told.push(reencoded ? "reencoded" : "as it is"),
      onAccepted: ({ status }) => told.push(`accepted ${status}`),
      onStatus: ({ status }) => told.push(status),
    });
    return { upload, told, me: await window.client.me() };
  });
  assert.equal(upload.status, "succeeded");
  assert.equal(me.profile_picture_url, upload.picture_url);
  assert.deepEqual(told.slice(0, 2), ["as it is", "accepted queued"]);
  assert.equal(told.at(-1), "succeeded");
  assert.equal(new Set(told).size, told.length, told.join());
});

test("a rejected upload throws its failure, with the facts and the upload", async (t) => {
  const page = await pageWithClient(t);
  const error = await page.evaluate(async (photo) => {
    const file = new Blob([Uint8Array.from(atob(photo), (c) => c.charCodeAt(0))]);
    return await window.client.upload(file, { shrink: false }).catch((error) => ({ ...error, isOurs: error instanceof window.pfp.PfpError }));
  }, base64Of("size-16385x1.jpg"));
  assert.ok(error.isOurs);
  const { code, status, limit, actual, upload } = error;
  assert.deepEqual({ code, status, limit, actual }, { code: "picture_side_too_long", status: 400, limit: 16384, actual: 16385 });
  assert.equal(upload.status, "rejected");
});

test("an abort ends the sending and the waiting with its reason, and a key of one's own replays", async (t) => {
  held(t);
  const page = await pageWithClient(t);
  const seen = await page.evaluate(async () => {
    const before = new AbortController();
    before.abort();
    const sending = await window.client.upload(window.photo, { signal: before.signal }).catch(({ name }) => name);
    const during = new AbortController();
    const options = { signal: during.signal, idempotencyKey: "mine", onAccepted: () => during.abort("enough") };
    const waiting = await window.client.upload(window.photo, options).catch((reason) => reason);
    const [unfinished] = window.client.unfinished;
    const again = await window.client.send(window.photo, { idempotencyKey: "mine" });
    return { sending, waiting, same: again.id === unfinished, count: window.client.unfinished.length };
  });
  assert.deepEqual(seen, { sending: "AbortError", waiting: "enough", same: true, count: 1 });
});

test("a token may be a function, asked for each request", async (t) => {
  const page = await pageWithClient(t);
  const codes = await page.evaluate(async () => {
    const tokens = ["bad", ""];
    const client = new window.pfp.Client({ token: async () => tokens.shift() });
    const code = () => client.me().catch(({ code }) => code);
    return [await code(), await code()];
  });
  assert.equal(codes[0], "token_invalid");
  assert.match(codes[1], /^token_/);
});

test("an answer that isn't the API's is an error of its own", async (t) => {
  const page = await pageWithClient(t);
  await page.route("**/user/me", (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<h1>Log in</h1>" }));
  const error = await page.evaluate(() => window.client.me().catch((error) => ({ ...error })));
  assert.deepEqual([error.code, error.status], ["unexpected_answer", 200]);
});

test("the client and the page are right by their types", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pfp-types-"));
  try {
    const text = async (path) => await (await fetch(`${url}/${path}`)).text();
    mkdirSync(join(folder, "page"));
    writeFileSync(join(folder, "client.js"), await text("client.js"));
    const names = new Set(["page.js"]);
    for (const name of names) {
      const source = await text(`page/${name}`);
      writeFileSync(join(folder, "page", name), source);
      for (const [, other] of source.matchAll(/ from "\.\/([a-z]+\.js)"/g)) names.add(other);
    }
    assert.ok(names.size > 10, [...names].join());
    const flags = "--noEmit --allowJs --checkJs --strict --target es2022 --module es2022 --moduleResolution bundler".split(" ");
    const libraries = ["--lib", "es2022,dom,dom.iterable,dom.asynciterable"];
    execFileSync(process.execPath, [packageFile("typescript/bin/tsc"), ...flags, ...libraries, "page/page.js"], { cwd: folder, encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout || error);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
