// The page as a person uses it.

import { readFileSync } from "node:fs";
import { newPage } from "./browser.js";
import { ask, newUser, picture, tokenOf, url } from "./system.js";

/** The card of a user of its own, signed in by a link; behind a proxy, if that is its base. */
export async function openCard(test, { user = newUser(), base = url, ...options } = {}) {
  const page = await newPage(test, options);
  const card = new Card(page, user, base);
  await card.open();
  return card;
}

export class Card {
  constructor(page, user, base = url) {
    this.page = page;
    this.user = user;
    this.base = base;
    /** What was sent to the API, as it was asked for. */
    this.posts = [];
    page.on("request", (request) => request.method() === "POST" && this.posts.push(request));
  }

  part(id) {
    return this.page.locator(`#${id}`);
  }

  async open() {
    await this.page.goto(`${this.base}/#token=${tokenOf(this.user)}`);
    await this.part("account").waitFor();
  }

  async pick(name) {
    await this.page.setInputFiles("#file", picture(name));
  }

  /** A real drag of a file from outside the browser. */
  async drop(name, selector = "#drop") {
    const session = await this.page.context().newCDPSession(this.page);
    const { x, y, width, height } = await this.page.locator(selector).boundingBox();
    const data = { items: [], files: [picture(name)], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
    }
  }

  /** Through the system's clipboard, as a screenshot would come. */
  async paste(name) {
    await this.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await this.page.evaluate(async (base64) => {
      const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: "image/png" });
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    }, base64Of(name));
    await this.page.keyboard.press("Control+V");
  }

  async save() {
    await this.part("save").click();
  }

  /** Waits until the upload has become the picture. @returns {Promise<string>} its address */
  async isLive() {
    await this.page.locator("#notice.good").waitFor();
    const me = await (await ask(this.user, "/user/me")).json();
    return me.profile_picture_url;
  }

  /** Waits until it has come to nothing. @returns {Promise<string>} what the page says */
  async hasFailed() {
    await this.page.locator("#notice.bad").waitFor();
    return await this.page.locator(".notice-words").innerText();
  }

  /** The step that the upload is at. */
  async isAt(step) {
    await this.page.locator(`[data-step="${step}"][aria-current]`).waitFor();
  }

  /** The crop of the last upload, as the API was told it. */
  get sentCrop() {
    const crop = new URL(this.posts.at(-1).url()).searchParams.get("crop");
    if (crop === null) return null;
    const [x, y, width, height] = crop.split(",").map(Number);
    return { x, y, width, height };
  }
}

/** @param {string} name */
export function base64Of(name) {
  return readFileSync(picture(name)).toString("base64");
}
