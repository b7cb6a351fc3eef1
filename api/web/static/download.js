// Fetches pictures of the service as files, and saves them.

import { create } from "./dom.js";
import { ServiceError } from "./service.js";

/** A picture at an address as a file with this name. */
export async function fetchFile(address, name) {
  const response = await fetch(address);
  if (!response.ok) throw new ServiceError("The picture could not be loaded. Please try again.");
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

export function save(file) {
  const href = URL.createObjectURL(file);
  create("a", { href, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // after the browser has read it
}
