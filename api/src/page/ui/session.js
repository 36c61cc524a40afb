// Who is signed in: a token in this tab alone.

const NAME = "pfp.token";

export function token() {
  return sessionStorage.getItem(NAME);
}

/** @param {string} value */
export function signIn(value) {
  sessionStorage.setItem(NAME, value);
}

export function signOut() {
  sessionStorage.removeItem(NAME);
}

/**
 * A link may carry the token in its fragment, which no server sees. It is taken out of the address, so that it
 * is neither bookmarked nor sent on.
 * @returns {boolean} whether there was one
 */
export function takeTokenFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!found) return false;
  history.replaceState(null, "", location.pathname + location.search);
  signIn(found);
  return true;
}
