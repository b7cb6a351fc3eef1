// The database in this browser: jobs {id, at, status, note, names, submitted, before, thumbnail, deleted}, and the chosen pictures.
// Jobs that cannot be stored, in a private window or on a full disk, are kept in memory until the page is closed.
// Pictures are stored as bytes: WebKit stores no blobs in a private window.

const DATABASE = "pastiche";
const JOBS = "jobs";
const CHOSEN = "chosen";

const unstored = new Map(); // jobs by id, which override older versions in the database

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 2);
    request.onupgradeneeded = () => {
      const stores = request.result.objectStoreNames;
      if (!stores.contains(JOBS)) request.result.createObjectStore(JOBS, { keyPath: "id" });
      if (!stores.contains(CHOSEN)) request.result.createObjectStore(CHOSEN);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Runs an action in one transaction, and returns its result once the transaction is complete. */
async function run(name, mode, action) {
  const database = await open();
  try {
    const transaction = database.transaction(name, mode);
    const [value] = await Promise.all([action(transaction.objectStore(name)), completion(transaction)]);
    return value;
  } finally {
    database.close();
  }
}

function completion(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error); // a full disk: requests succeed before
  });
}

function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const pack = async (file) => ({ type: file.type, name: file.name, bytes: await file.arrayBuffer() });

/** Whether a value is a packed picture. Older versions of the page stored blobs, which have a method `bytes`. */
const isPacked = (value) => value?.bytes instanceof ArrayBuffer;

function unpack({ type, name, bytes }) {
  return name === undefined ? new Blob([bytes], { type }) : new File([bytes], name, { type });
}

async function packPictures(values) {
  const entries = Object.entries(values).map(async ([name, value]) => [name, value instanceof Blob ? await pack(value) : value]);
  return Object.fromEntries(await Promise.all(entries));
}

function unpackPictures(job) {
  return job && Object.fromEntries(Object.entries(job).map(([name, value]) => [name, isPacked(value) ? unpack(value) : value]));
}

/** All jobs, the newest first. */
export async function all() {
  const stored = await run(JOBS, "readonly", (jobs) => resultOf(jobs.getAll())).catch(() => []);
  const jobs = new Map([...stored.map((job) => [job.id, job]), ...unstored]);
  return [...jobs.values()].map(unpackPictures).sort((one, other) => other.at - one.at);
}

/** A job; undefined if this browser does not know it. */
export const get = async (id) => unpackPictures(await find(id));

async function find(id) {
  return unstored.get(id) ?? run(JOBS, "readonly", (jobs) => resultOf(jobs.get(id))).catch(() => undefined);
}

/** Stores a job that was submitted here. */
export async function add(id, more) {
  const at = Date.now();
  const packed = await packPictures(more);
  await change(id, (known) => ({ id, at, status: "queued", ...known, ...packed }));
}

/** Updates a stored job. */
export async function update(id, more) {
  const packed = await packPictures(more);
  await change(id, (known) => known && { ...known, ...packed });
}

/** Changes a job in one transaction, because other pages may change it, too. */
async function change(id, changed) {
  if (!unstored.has(id)) {
    const isStored = await run(JOBS, "readwrite", async (jobs) => {
      const job = changed(await resultOf(jobs.get(id)));
      if (job) await resultOf(jobs.put(job));
    }).then(() => true, () => false);
    if (isStored) return;
  }
  const job = changed(await find(id));
  if (job) unstored.set(id, job);
}

export async function remove(id) {
  unstored.delete(id);
  await run(JOBS, "readwrite", (jobs) => resultOf(jobs.delete(id))).catch(() => {});
}

/** The files that are chosen for a field. */
export async function chosen(field) {
  const files = await run(CHOSEN, "readonly", (stored) => resultOf(stored.get(field)));
  return files?.map((file) => (isPacked(file) ? unpack(file) : file));
}

const newest = new Map(); // the newest chosen files, by field

export async function setChosen(field, files) {
  newest.set(field, files);
  const packed = await Promise.all(files.map(pack));
  if (newest.get(field) !== files) return;
  await run(CHOSEN, "readwrite", (stored) => resultOf(stored.put(packed, field)));
}
