// Small copies of pictures, for the gallery and the comparison.

import { create } from "./dom.js";
import { address } from "./service.js";

const THUMBNAIL_PIXELS = 320;

/** A small copy of a job's result, null if the browser cannot make one. */
export async function fetchThumbnail(job) {
  const response = await fetch(await address(`${job.links.result}?format=webp`));
  return response.ok ? shrink(await response.blob(), THUMBNAIL_PIXELS) : null;
}

/** A smaller JPEG of a picture, on white, null if the browser cannot make one. */
export async function shrink(blob, longestSide) {
  try {
    const bitmap = await createImageBitmap(blob);
    const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
    const canvas = create("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "white"; // behind transparent pixels, as in every JPEG of the service
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
  } catch {
    return null;
  }
}
