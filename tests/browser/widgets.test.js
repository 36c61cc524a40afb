// Upload widgets of others, as they are published and with documented options alone, from another site: they need
// PFP_CORS_ORIGINS.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, newPage } from "./harness/browser.js";
import { base64Of } from "./harness/card.js";
import { serveOtherSite } from "./harness/other_site.js";
import { ask, newUser, picture, tokenOf, url } from "./harness/system.js";

after(closeBrowser);

const PHOTO = "size-400x400-baseline.jpg";

/** The widget's page, with what it needs to know. */
async function pageWith(test, site) {
  const page = await newPage(test);
  const user = newUser();
  await page.goto(await serveOtherSite(test, site));
  return { page, user, target: { endpoint: `${url}/user/upload-profile-picture`, token: tokenOf(user) } };
}

/** The widget has the JSON of the 202, and the user gets the picture. */
async function isTaken(user, upload) {
  assert.match(upload.id, /^[0-9a-f-]{36}$/);
  assert.equal(upload.content_type, "image/jpeg");
  const end = await (await ask(user, `/user/uploads/${upload.id}?wait=30`)).json();
  assert.equal(end.status, "succeeded");
}

test("Uppy with XHRUpload sends a photo from another site and has the upload's JSON", async (t) => {
  const site = { scripts: ["uppy/dist/uppy.min.js"], body: '<input type="file" id="file">' };
  const { page, user, target } = await pageWith(t, site);
  await page.evaluate(({ endpoint, token }) => {
    window.answer = new Promise((resolve, reject) => {
      const uppy = new window.Uppy.Uppy({ autoProceed: true });
      uppy.use(window.Uppy.XHRUpload, { endpoint, fieldName: "file", headers: { Authorization: `Bearer ${token}` } });
      uppy.on("upload-success", (file, response) => resolve(response));
      uppy.on("upload-error", (file, error) => reject(error));
      document.querySelector("#file").onchange = ({ target: { files } }) =>
        uppy.addFile({ name: files[0].name, type: files[0].type, data: files[0] });
    });
  }, target);
  await page.setInputFiles("#file", picture(PHOTO));
  const { status, body } = await page.evaluate(() => window.answer.then(({ status, body }) => ({ status, body })));
  assert.equal(status, 202);
  await isTaken(user, body);
});

test("Dropzone sends a photo from another site and has the upload's JSON", async (t) => {
  const site = { scripts: ["dropzone/dist/dropzone-min.js"], body: '<div id="zone"></div>' };
  const { page, user, target } = await pageWith(t, site);
  await page.evaluate(({ endpoint, token }) => {
    window.Dropzone.autoDiscover = false;
    const options = { url: endpoint, paramName: "file", headers: { Authorization: `Bearer ${token}` } };
    const zone = new window.Dropzone("#zone", options);
    window.answer = new Promise((resolve, reject) => {
      zone.on("success", (file, response) => resolve({ status: file.xhr.status, body: response }));
      zone.on("error", (file, message) => reject(new Error(JSON.stringify(message))));
    });
  }, target);
  await page.setInputFiles("input.dz-hidden-input", picture(PHOTO));
  const { status, body } = await page.evaluate(() => window.answer);
  assert.equal(status, 202);
  await isTaken(user, body);
});

test("FilePond sends a photo from another site and has the upload's JSON", async (t) => {
  const site = { scripts: ["filepond/dist/filepond.min.js"], body: '<input type="file" id="file" name="file">' };
  const { page, user, target } = await pageWith(t, site);
  await page.evaluate(({ endpoint, token }) => {
    window.answer = new Promise((resolve, reject) => {
      const onload = (response) => {
        resolve(JSON.parse(response));
        return JSON.parse(response).id;
      };
      const process = { url: endpoint, headers: { Authorization: `Bearer ${token}` }, onload, onerror: reject };
      window.FilePond.create(document.querySelector("#file"), { name: "file", server: { process, revert: null } });
    });
  }, target);
  await page.setInputFiles("input.filepond--browser", picture(PHOTO));
  await isTaken(user, await page.evaluate(() => window.answer));
});

test("the client is imported by another site, and works there", async (t) => {
  const { page, user, target } = await pageWith(t, {});
  const seen = await page.evaluate(
    async ({ module, token, photo }) => {
      const { Client } = await import(module);
      const client = new Client({ token });
      const bytes = Uint8Array.from(atob(photo), (c) => c.charCodeAt(0));
      const seen = { statuses: [], sent: 0 };
      const upload = await client.upload(new Blob([bytes]), {
        onStatus: ({ status }) => seen.statuses.push(status),
        onProgress: ({ sent }) => (seen.sent = sent),
      });
      const refused = await client.upload(new Blob(["no photo"])).catch((error) => ({ ...error }));
      return { ...seen, size: bytes.length, upload, refused, me: await client.me() };
    },
    { module: `${url}/client.js`, token: target.token, photo: base64Of(PHOTO) },
  );
  assert.equal(seen.upload.status, "succeeded");
  assert.equal(seen.statuses.at(-1), "succeeded");
  assert.equal(seen.sent, seen.size);
  assert.deepEqual([seen.me.id, seen.me.profile_picture_url], [user, seen.upload.picture_url]);
  const { code, status, requestId, allowed } = seen.refused;
  assert.deepEqual([code, status, allowed.length], ["invalid_format", 400, 3]);
  assert.match(requestId, /^[0-9a-f-]{36}$/);
});

test("the client works in a worker of another site, where there is no document", async (t) => {
  const { page, user, target } = await pageWith(t, {});
  const seen = await page.evaluate(
    async ({ module, token, photo }) => {
      const script = `
        import { Client } from ${JSON.stringify(module)};
        onmessage = async ({ data: { token, photo } }) => {
          const told = { statuses: [], sent: 0 };
          try {
            const file = new Blob([Uint8Array.from(atob(photo), (c) => c.charCodeAt(0))]);
            const upload = await new Client({ token }).upload(file, {
              crop: { x: 10, y: 10, width: 200, height: 200 },
              onPrepared: ({ reencoded, type }) => Object.assign(told, { reencoded, type }),
              onProgress: ({ sent }) => (told.sent = sent),
              onStatus: ({ status }) => told.statuses.push(status),
            });
            postMessage({ ...told, upload });
          } catch (error) {
            postMessage({ fault: String(error) });
          }
        };`;
      const worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
      const answer = new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
      });
      worker.postMessage({ token, photo });
      return await answer;
    },
    { module: `${url}/client.js`, token: target.token, photo: base64Of("other.webp") },
  );
  assert.equal(seen.fault, undefined);
  assert.deepEqual([seen.reencoded, seen.type, seen.statuses.at(-1)], [true, "image/jpeg", "succeeded"]);
  assert.equal(seen.sent, seen.upload.size_bytes);
  const me = await (await ask(user, "/user/me")).json();
  assert.equal(me.profile_picture_url, seen.upload.picture_url);
});
