// Who is signed in, and what the card shows of this user.

import { Client, PfpError } from "../client.js";
import { showPicture } from "./avatars.js";
import { part, showPanel } from "./dom.js";
import { showHistory } from "./history.js";
import { hideNotice, showFailure } from "./notice.js";
import * as session from "./session.js";
import { explained } from "./words.js";

export const client = new Client({ token: () => session.token() ?? "" });

/** As last seen; null before and after. @type {import("../client.js").User | null} */
export let user = null;

/** What happens then. @type {{ signedIn: () => void, signedOut: () => void, cancel: (id: string) => void }} */
let then = { signedIn() {}, signedOut() {}, cancel() {} };

/** @param {typeof then} reactions */
export function react(reactions) {
  then = reactions;
}

export const isSignedIn = () => Boolean(session.token());

/** The user anew, after something has changed. */
export async function showUser() {
  user = await client.me();
  part("account-name").textContent = user.id;
  part("account-name").title = user.id;
  part("account").hidden = false;
  part("shown").hidden = false;
  part("remove").hidden = !user.profile_picture_url;
  showCurrentPicture();
}

export function showCurrentPicture() {
  if (user) showPicture(user.profile_picture_url, user.id);
}

/** @returns {Promise<import("../client.js").Upload[]>} the newest ones */
export async function showUploads() {
  try {
    return await showHistory(client, user?.profile_picture_url ?? null, then.cancel);
  } catch (error) {
    // What became of an upload, and the button to try it again, matter more than the list.
    if (!(error instanceof PfpError)) throw error;
    if (error.status === 401 || part("notice").hidden) showError(error);
    return [];
  }
}

/**
 * Any error of the client: where the sign-in has ended, it is asked for again.
 * @param {any} error
 * @param {(() => void) | null} [tryAgain]
 */
export function showError(error, tryAgain = null) {
  if (!(error instanceof PfpError)) throw error;
  if (error.status !== 401) return showFailure(error, tryAgain);
  const { title, text } = explained(error);
  forgetUser();
  askForToken(`${title}. ${text}`);
}

/** @param {string} [fault] */
export function askForToken(fault = "") {
  for (const id of ["account", "shown", "history", "notice"]) part(id).hidden = true;
  showPanel("sign-in");
  part("token-fault").textContent = fault;
  part("token").setAttribute("aria-invalid", String(fault !== ""));
  part("token").focus();
}

function forgetUser() {
  user = null;
  session.signOut();
  then.signedOut();
}

part("sign-in-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const token = part("token").value.trim();
  if (!token) return askForToken("Paste the token first.");
  session.signIn(token);
  part("token").value = "";
  then.signedIn();
});

part("sign-out").addEventListener("click", () => {
  forgetUser();
  hideNotice();
  askForToken();
});

// A link with another token, opened in this tab.
addEventListener("hashchange", () => session.takeTokenFromAddress() && then.signedIn());
session.takeTokenFromAddress();
