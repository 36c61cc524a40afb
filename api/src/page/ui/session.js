// Who is signed in: a token in this tab alone, and the client that speaks for it.

import { Client } from "../client.js";

/**
 * One user's time at this page. What began in it ends with it, and never goes on in the next user's name.
 * @typedef {{ client: Client, signal: AbortSignal }} Session
 */

const NAME = "pfp.token";

let end = new AbortController();
/** @type {Session | null} */
let session = begun(kept());

export const isSignedIn = () => session !== null;

/**
 * @returns {Session}
 * @throws {DOMException} an AbortError: the user has signed out meanwhile
 */
export function current() {
  if (session) return session;
  throw new DOMException("Nobody is signed in.", "AbortError");
}

/** @param {string} token */
export function signIn(token) {
  signOut();
  keep(token);
  session = begun(token);
  // Of whoever was here before.
  session?.client.forget();
}

export function signOut() {
  end.abort();
  session?.client.forget();
  session = null;
  keep("");
}

/**
 * A link may carry the token in its fragment, which no server sees. It is taken out of the address, so that it
 * is neither bookmarked nor sent on.
 * @returns {string | null}
 */
export function takeTokenFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) history.replaceState(null, "", location.pathname + location.search);
  return found;
}

/**
 * @param {string | null} token
 * @returns {Session | null}
 */
function begun(token) {
  end = new AbortController();
  return token ? { client: new Client({ token }), signal: end.signal } : null;
}

/** A browser may forbid storage: the sign-in then lasts until a reload. */
function kept() {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}

/** @param {string} token */
function keep(token) {
  try {
    if (token) sessionStorage.setItem(NAME, token);
    else sessionStorage.removeItem(NAME);
  } catch {
    // As above.
  }
}
