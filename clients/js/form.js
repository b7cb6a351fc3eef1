/**
 * The form of a submission. What is undefined or null is left out.
 * @param {Record<string, unknown>} fields
 */
export function makeForm(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    const values = Array.isArray(value) ? value : [value];
    const pictures = values.filter(isPicture);
    for (const picture of pictures) form.append(name, picture instanceof Blob ? picture : new Blob([picture]));
    if (!pictures.length && value !== undefined && value !== null) form.append(name, asText(value));
  }
  return form;
}

/**
 * @param {unknown} value
 * @returns {value is Blob | BufferSource}
 */
function isPicture(value) {
  return value instanceof Blob || value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** @param {{}} value */
function asText(value) {
  if (Array.isArray(value)) return value.join(",");
  if (typeof value === "object") return Object.entries(value).map((entry) => entry.join(":")).join(",");
  return String(value);
}
