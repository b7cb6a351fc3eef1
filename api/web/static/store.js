// What this browser stores: its jobs {id, at, status, names, before, thumbnail}, and the pictures that are chosen.

const DATABASE = "pastiche";
const JOBS = "jobs";
const CHOSEN = "chosen";

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

async function run(name, mode, action) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const request = action(database.transaction(name, mode).objectStore(name));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** All jobs, the newest first. */
export async function all() {
  const jobs = await run(JOBS, "readonly", (store) => store.getAll());
  return jobs.sort((one, other) => other.at - one.at);
}

export const get = (id) => run(JOBS, "readonly", (store) => store.get(id));
export const remove = (id) => run(JOBS, "readwrite", (store) => store.delete(id));

/** Stores a job, or more of one. */
export async function update(id, more) {
  const known = (await get(id)) ?? { id, at: Date.now(), status: "queued" };
  await run(JOBS, "readwrite", (store) => store.put({ ...known, ...more }));
}

/** The files that are chosen for a field. */
export const chosen = (field) => run(CHOSEN, "readonly", (store) => store.get(field));
export const setChosen = (field, files) => run(CHOSEN, "readwrite", (store) => store.put(files, field));
