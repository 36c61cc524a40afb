// Every failure that can reach the page has words of its own.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { url } from "./harness/system.js";

after(closeBrowser);

/** Every problem document that the API's description shows, one a code. */
async function problems() {
  const { paths } = await (await fetch(`${url}/openapi.json`)).json();
  const found = new Map();
  const answers = Object.values(paths).flatMap((path) => Object.values(path)).flatMap(({ responses }) => Object.values(responses ?? {}));
  for (const { content } of answers) {
    for (const { value } of Object.values(content?.["application/problem+json"]?.examples ?? {})) found.set(value.code, value);
  }
  return [...found.values()];
}

test("every code that the API tells of is explained, with the facts that come with it", async (t) => {
  const all = await problems();
  assert.ok(all.length > 35, `${all.length} codes`);
  const page = await newPage(t);
  await page.goto(url);
  const explained = await page.evaluate(async (all) => {
    const { explained } = await import("./page/words.js");
    return all.map((problem) => ({ code: problem.code, ...explained({ ...problem, title: "not explained", message: "" }) }));
  }, all);
  for (const { code, title, text } of explained) {
    assert.notEqual(title, "not explained", code);
    assert.ok(title && text && !/undefined|null|NaN|object/.test(text), `${code}: ${text}`);
  }
});

test("the codes that only a browser can tell are explained too, and an unknown one has its own words", async (t) => {
  const page = await newPage(t);
  await page.goto(url);
  const titles = await page.evaluate(async () => {
    const { explained } = await import("./page/words.js");
    const told = (code) => explained({ code, title: "A newer server's title", message: "And its words." }).title;
    return ["network_error", "unexpected_answer", "of_a_newer_server"].map(told);
  });
  assert.deepEqual(titles, ["We can't reach the server", "Something went wrong on our side", "A newer server's title"]);
});

test("a time to wait is told in words that fit it", async (t) => {
  const page = await newPage(t);
  await page.goto(url);
  const texts = await page.evaluate(async () => {
    const { explained } = await import("./page/words.js");
    return [null, 1, 20, 300].map((retryAfter) => explained({ code: "rate_limited", retryAfter }).text);
  });
  assert.deepEqual(texts, ["Try again in a moment.", "Try again in a moment.", "Try again in 20 seconds.", "Try again in 5 minutes."]);
});
