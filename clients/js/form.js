/** The fields that are pictures: files, or texts that refer to one. */
const PICTURES = new Set(["content", "style", "mask", "style_mask", "start_image", "content_map"]);

/**
 * The form of a submission. Fields that are undefined or null are left out.
 * @param {Record<string, unknown>} fields
 */
export function makeForm(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    if (!PICTURES.has(name)) form.append(name, asText(value));
    else for (const picture of [value].flat()) form.append(name, asPart(picture));
  }
  return form;
}

/** @param {any} picture */
function asPart(picture) {
  return typeof picture === "string" || picture instanceof Blob ? picture : new Blob([picture]);
}

/** @param {{}} value */
function asText(value) {
  if (Array.isArray(value)) return value.join(",");
  if (typeof value === "object") return Object.entries(value).map((entry) => entry.join(":")).join(",");
  return String(value);
}
