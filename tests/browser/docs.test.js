// GET /docs: the API's description as a page that needs no network.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { url } from "./harness/system.js";

after(closeBrowser);

const OPERATIONS = ["/user/upload-profile-picture", "/user/uploads/{id}", "/user/me", "/pictures/{key}", "/livez"];

// Where a page is at home the renderer asks nobody: another name shows what it does elsewhere.
test("the description is rendered, and no other host is asked for anything", async (t) => {
  const page = await newPage(t, { flags: ["--host-resolver-rules=MAP pfp.test 127.0.0.1"] });
  const asked = new Set();
  page.on("request", (request) => asked.add(new URL(request.url())));
  const elsewhere = new URL("/docs", url);
  elsewhere.hostname = "pfp.test";
  await page.goto(elsewhere.href);
  await page.locator(".opblock").first().waitFor();
  const paths = await page.locator(".opblock-summary-path").evaluateAll((all) => all.map(({ dataset }) => dataset.path));
  for (const path of OPERATIONS) assert.ok(paths.includes(path), `${path} in ${paths.join()}`);
  await page.locator('[data-path="/user/upload-profile-picture"]').first().click();
  await page.locator(".opblock.is-open .responses-table").first().waitFor();
  await page.waitForLoadState("networkidle");
  const others = [...asked].filter(({ protocol, host }) => protocol !== "data:" && protocol !== "blob:" && host !== elsewhere.host);
  assert.deepEqual(others.map(String), []);
  assert.ok([...asked].some(({ pathname }) => pathname === "/openapi.json"));
});
