// The system under test, as an env file of deploy/up.sh describes it.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { atEnd } from "./at_end.js";

const { env } = process;

/** Packages are in the cache, outside the checkout. */
export const require = createRequire(join(env.PFP_BROWSER_MODULES, "package.json"));

/** The file of a package. @param {string} path */
export function packageFile(path) {
  return join(env.PFP_BROWSER_MODULES, "node_modules", path);
}

export const url = env.UP_URL;

/** The other site that the API lets in. */
export const otherSite = new URL(env.PFP_CORS_ORIGINS);

/** A made picture's path. @param {string} name */
export function picture(name) {
  return join(env.PFP_TEST_PICTURES, name);
}

/** @param {string} name */
export function pictureBytes(name) {
  return readFileSync(picture(name));
}

let users = 0;

/** A user of this test alone. */
export function newUser() {
  users += 1;
  return `browser-${process.pid}-${users}`;
}

/** @param {string} user @param {number} [seconds] */
export function tokenOf(user, seconds = 3600) {
  const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + seconds })}`;
  return `${signed}.${createHmac("sha256", env.PFP_JWT_SECRET).update(signed).digest("base64url")}`;
}

/** @param {string} user @param {string} path @param {RequestInit} [init] */
export async function ask(user, path, init = {}) {
  return await fetch(url + path, { ...init, headers: { ...init.headers, Authorization: `Bearer ${tokenOf(user)}` } });
}

/** Holds the worker as it is, until the returned function lets it go on or the test ends. */
export function held(test) {
  const pids = env.UP_WORKER_PIDS.split(" ").map(Number);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  const release = () => pids.forEach((pid) => process.kill(pid, "SIGCONT"));
  atEnd(test, release);
  return release;
}
