// Another site: it has a page and upload widgets as their makers publish them, and sends photos to the API.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { atEnd } from "./at_end.js";
import { otherSite, packageFile } from "./system.js";

const TYPES = { css: "text/css", js: "text/javascript", html: "text/html; charset=utf-8" };

/** Serves packages at /name/file and, at /, a page with these scripts and this body. Closed with the test. */
export async function serveOtherSite(test, { scripts = [], body = "" } = {}) {
  const tags = scripts.map((path) => `<script src="/${path}"></script>`).join("");
  const html = `<!doctype html><html lang="en"><title>Another site</title><link rel="icon" href="data:,">${tags}${body}`;
  const server = createServer(async ({ url }, response) => {
    const path = url === "/" ? "page.html" : url.slice(1);
    try {
      const content = url === "/" ? html : await readFile(packageFile(path));
      response.setHeader("Content-Type", TYPES[path.split(".").at(-1)] ?? "application/octet-stream");
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(Number(otherSite.port), otherSite.hostname);
  await once(server, "listening");
  atEnd(test, () => {
    server.closeAllConnections();
    server.close();
  });
  return `${otherSite.origin}/`;
}
