// What this browser remembers of the jobs it submitted: {id, at, status, thumbnail, before}.

const NAME = "pastiche";
const JOBS = "jobs";

function opened() {
  return new Promise((done, failed) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(JOBS, { keyPath: "id" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

async function done(mode, action) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const request = action(database.transaction(JOBS, mode).objectStore(JOBS));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** All of them, the newest first. */
export async function all() {
  const jobs = await done("readonly", (store) => store.getAll());
  return jobs.sort((one, other) => other.at - one.at);
}

export const get = (id) => done("readonly", (store) => store.get(id));
export const forget = (id) => done("readwrite", (store) => store.delete(id));

/** Remembers some more of a job. */
export async function remember(id, more) {
  const known = (await get(id)) ?? { id, at: Date.now(), status: "queued" };
  await done("readwrite", (store) => store.put({ ...known, ...more }));
}
