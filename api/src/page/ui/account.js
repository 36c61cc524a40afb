// Who is signed in, and what the card shows of this user.

import { PfpError } from "../client.js";
import { showPicture } from "./avatars.js";
import { part, showPanel } from "./dom.js";
import { forgetHistory, showHistory } from "./history.js";
import { hideNotice, showFailure } from "./notice.js";
import { current, isSignedIn, signIn, signOut, takeTokenFromAddress } from "./session.js";
import { explained } from "./words.js";

/** As last seen; null before and after. @type {import("../client.js").User | null} */
export let user = null;

/** What happens then. @type {{ signedIn: () => void, signedOut: () => void, cancel: (id: string) => void }} */
let then = { signedIn() {}, signedOut() {}, cancel() {} };

/** @param {typeof then} reactions */
export function react(reactions) {
  then = reactions;
}

/** The user anew, after something has changed. */
export async function showUser() {
  const { client, signal } = current();
  const seen = await client.me({ signal });
  // The answer may have been on its way when the user signed out.
  signal.throwIfAborted();
  user = seen;
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
  if (!isSignedIn()) return [];
  try {
    const picture = user?.profile_picture_url ?? null;
    return await showHistory({ session: current(), current: picture, onCancel: then.cancel, onTrouble: showError });
  } catch (error) {
    // What became of an upload, and the button to try it again, matter more than the list.
    const matters = !(error instanceof PfpError) || error.status === 401 || part("notice").hidden;
    if (matters) showError(error);
    return [];
  }
}

/**
 * Any error of the client: where the sign-in has ended, it is asked for again.
 * @param {any} error
 * @param {(() => void) | null} [tryAgain]
 */
export function showError(error, tryAgain = null) {
  // Who has signed out doesn't wait for it any more.
  if (error.name === "AbortError") return;
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
  signOut();
  user = null;
  for (const id of ["account-name", "announce"]) part(id).textContent = "";
  part("account-name").removeAttribute("title");
  showPicture(null, "");
  forgetHistory();
  then.signedOut();
}

/** @param {string} token */
function enter(token) {
  forgetUser();
  signIn(token);
  then.signedIn();
}

part("sign-in-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const token = part("token").value.trim();
  if (!token) return askForToken("Paste the token first.");
  part("token").value = "";
  enter(token);
});

part("sign-out").addEventListener("click", () => {
  forgetUser();
  hideNotice();
  askForToken();
});

function enterByAddress() {
  const token = takeTokenFromAddress();
  if (token) enter(token);
}

// A link with another token, opened in this tab.
addEventListener("hashchange", enterByAddress);
enterByAddress();
