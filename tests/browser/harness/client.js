// The client without its page.

import { newPage } from "./browser.js";
import { base64Of } from "./card.js";
import { newUser, tokenOf, url } from "./system.js";

/**
 * A page that has the module, a client of a user of its own and a photo.
 * @param test
 * @param {{ base?: string, user?: string, options?: object }} [about] Where the page and its API are; options of the client.
 */
export async function pageWithClient(test, { base = url, user = newUser(), options = {} } = {}) {
  const page = await newPage(test);
  await page.goto(`${base}/client.js`);
  await page.evaluate(
    async ({ options, photo }) => {
      window.pfp = await import("./client.js");
      window.client = new window.pfp.Client(options);
      window.photo = new Blob([Uint8Array.from(atob(photo), (c) => c.charCodeAt(0))]);
    },
    { options: { token: tokenOf(user), ...options }, photo: base64Of("size-400x400-baseline.jpg") },
  );
  return page;
}
