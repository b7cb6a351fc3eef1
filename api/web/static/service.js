// The page's client of the API. Every failure is a ServiceError with a sentence for people.

const KEY = "pastiche-key";
const TOKEN_REST_SECONDS = 60;
const NO_CONTENT = 204;
const PARTIAL_CONTENT = 206;

/** A sentence of the API without backquotes. */
export const plain = (sentence) => sentence.replaceAll("`", "");

/** A failed request: a sentence, and one for each invalid field of the form. */
export class ServiceError extends Error {
  constructor(sentence, { status = 0, code = "", fields = {} } = {}) {
    super(plain(sentence));
    Object.assign(this, { status, code, fields });
  }
}

/** Whether a key would help. */
export const needsKey = (error) => ["key_missing", "key_unknown"].includes(error.code);

/** Whether another try cannot succeed. */
export const isFinal = (error) => [401, 403, 422].includes(error.status) || error.code === "encoding_failed" || isMissing(error);

/** Whether the service says that something does not exist, or was deleted: a proxy's 404 says nothing about it. */
export const isMissing = ({ code }) => ["job_not_found", "job_expired", "sweep_not_found", "result_lost"].includes(code);

let token = { value: "", until: 0 };

let unstoredKey = ""; // the key, if this browser refuses to store it

export const key = {
  get() {
    if (unstoredKey) return unstoredKey;
    try {
      return localStorage.getItem(KEY) ?? "";
    } catch {
      return "";
    }
  },
  set(value) {
    try {
      localStorage.setItem(KEY, value.trim());
      unstoredKey = "";
    } catch {
      unstoredKey = value.trim();
    }
    token = { value: "", until: 0 };
  },
};

export const getJob = (id) => request("GET", `jobs/${id}`);
export const getLosses = (id) => request("GET", `jobs/${id}/losses`);
export const updateWeights = (id, weights) => request("PATCH", `jobs/${id}`, JSON.stringify(weights));
export const cancelJob = (id) => request("POST", `jobs/${id}/cancel`);
export const finishJob = (id) => request("POST", `jobs/${id}/finish`);
export const retryJob = (id) => submitOnce(`jobs/${id}/retry`);
/** Deletes a job, even if the page is being closed. */
export const deleteJob = (id) => request("DELETE", `jobs/${id}`, undefined, {}, { keepalive: true });
/** Requests the first byte of a result. Throws an error with the reason if there is none. */
export const checkResult = (path) => request("GET", path.replace(/^\//, ""), undefined, { Range: "bytes=0-0" });
export const getSweep = (id) => request("GET", `sweeps/${id}`);
export const getPresets = () => request("GET", "presets");
export const getWorkers = () => request("GET", "workers");

let options; // cached, because they do not change

export const getOptions = () =>
  (options ??= request("GET", "options").catch((error) => {
    options = undefined;
    throw error;
  }));

/** Submits a form only once, even if the connection is lost or the first try is still being processed. */
export const submit = (form) => submitOnce("jobs", form);
export const submitSweep = (form) => submitOnce("sweeps", form);

/** The URL of an image, a stream or a download. If there is a key, it has a read-only token. */
export async function address(path) {
  const relative = path.replace(/^\//, "");
  if (!key.get()) return relative;
  if (Date.now() > token.until) {
    const { token: value, expires_in: seconds } = await request("POST", "tokens");
    token = { value, until: Date.now() + 1000 * (seconds - TOKEN_REST_SECONDS) };
  }
  return `${relative}${relative.includes("?") ? "&" : "?"}token=${encodeURIComponent(token.value)}`;
}

/** The weights at a place between content (0) and style (1). */
export function weights(place) {
  return { content_weight: round(1 - place), style_weight: round(place) };
}

/** The place of a job's weights between content (0) and style (1). */
export function place({ content_weight: content, style_weight: style }) {
  return style / (content + style);
}

/** A job's options as texts for a form. Options that are not set are left out. */
export function texts(options) {
  const written = Object.entries(options).map(([name, value]) => [name, text(value)]);
  return Object.fromEntries(written.filter(([, value]) => value !== ""));
}

/** A form with these fields. */
export function formWith(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

/** A value as text for a form, empty if it is not set. */
export function text(value) {
  if (Array.isArray(value)) return value.join(",");
  if (value instanceof Object) return Object.entries(value).map((entry) => entry.join(":")).join(",");
  return String(value ?? "");
}

const round = (value) => Math.round(value * 1000) / 1000;

let unfinished = null; // the newest submission that has not succeeded: it may have arrived

/** The idempotency key of a submission, the same if the user submits it again. */
function onceKey(path, form) {
  const parts = [path, ...(form ?? [])].flat();
  const isSame = parts.length === unfinished?.parts.length && parts.every((part, index) => part === unfinished.parts[index]);
  if (!isSame) unfinished = { parts, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
  return unfinished.key;
}

async function submitOnce(path, form) {
  const once = { "Idempotency-Key": onceKey(path, form) };
  for (let pause = 1000; ; pause = Math.min(2 * pause, 8000)) {
    try {
      const submitted = await request("POST", path, form, once);
      unfinished = null;
      return submitted;
    } catch (error) {
      const isTransient = (error.status === 0 && !error.code) || error.code === "submission_pending";
      if (!isTransient || pause === 8000) throw error;
      await new Promise((resume) => setTimeout(resume, pause));
    }
  }
}

/** Throws an error if a file of a form can no longer be read. */
async function checkFiles(form) {
  for (const [field, value] of form) {
    if (!(value instanceof File)) continue;
    await value.slice(0, 1).arrayBuffer().catch(() => {
      const sentence = `${value.name} has changed on the disk. Choose it again.`;
      throw new ServiceError(sentence, { code: "file_changed", fields: { [field]: sentence } });
    });
  }
}

async function request(method, path, content, headers = {}, more = {}) {
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  if (typeof content === "string") headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, body: content, headers, ...more });
  } catch {
    if (content instanceof FormData) await checkFiles(content); // browsers do not say what has failed
    throw new ServiceError(navigator.onLine ? "The service cannot be reached." : "You are offline.");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw problem(response, body);
  if (!body && ![NO_CONTENT, PARTIAL_CONTENT].includes(response.status)) throw new ServiceError("The service's answer cannot be read.");
  return body;
}

function problem(response, body) {
  const fields = {};
  for (const { field, detail } of body?.errors ?? []) fields[field] ??= plain(detail);
  const sentence = body?.detail ?? `The service answered with status ${response.status} and no explanation.`;
  return new ServiceError(sentence, { status: response.status, code: body?.code ?? "", fields });
}
