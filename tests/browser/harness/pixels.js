// Whether a picture shows what it should, judged by the browser's own decoder.

import { base64Of } from "./card.js";

/**
 * How far a finished picture is from a part of a photo: 0 is the same, 255 the opposite.
 * @param page Of the API's origin.
 * @param {string} address Of the picture.
 * @param {string} name Of the photo.
 * @param {{ x: number, y: number, width: number, height: number }} crop In pixels of the upright photo.
 */
export async function difference(page, address, name, crop) {
  const photo = base64Of(name);
  return await page.evaluate(
    async ({ address, photo, crop }) => {
      const decode = (blob) => createImageBitmap(blob, { imageOrientation: "from-image" });
      const drawn = (bitmap, { x, y, width, height }) => {
        const canvas = new OffscreenCanvas(100, 100);
        const context = canvas.getContext("2d");
        context.imageSmoothingQuality = "high";
        context.drawImage(bitmap, x, y, width, height, 0, 0, 100, 100);
        return context.getImageData(0, 0, 100, 100).data;
      };
      const picture = await decode(await (await fetch(address)).blob());
      const bytes = Uint8Array.from(atob(photo), (c) => c.charCodeAt(0));
      const a = drawn(picture, { x: 0, y: 0, width: picture.width, height: picture.height });
      const b = drawn(await decode(new Blob([bytes])), crop);
      return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
    },
    { address, photo, crop },
  );
}

/** Two scalers and a JPEG apart. */
export const ALIKE = 6;
/** What another part of the same photo is apart at least. */
export const UNLIKE = 12;
