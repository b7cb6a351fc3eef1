// A job's events, for as long as it is not over, over every loss of the connection.

import { address, look } from "./service.js";

const PAUSE_MILLISECONDS = 2000;
const KINDS = ["status", "progress", "preview", "done", "gone"];

/**
 * Watches a job: `told(kind, data)` for each event, `connected(is)` when the connection goes or
 * comes back. Gives a function that ends it.
 */
export function watch(id, { told, connected }) {
  let source = null;
  let again = 0;
  let ended = false;

  async function open() {
    try {
      source = new EventSource(await address(`jobs/${id}/events`));
    } catch {
      lost();
      return;
    }
    if (ended) return source.close();
    source.onopen = () => connected(true);
    source.onerror = lost;
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        connected(true);
        if (kind === "done" || kind === "gone") end();
        told(kind, JSON.parse(event.data));
      });
    }
  }

  // A browser gives up where the service answers with an error: whether it is there is asked anew.
  function lost() {
    if (ended) return;
    connected(false);
    source?.close();
    clearTimeout(again);
    again = setTimeout(() => {
      look(id).then(open, (fault) => (fault.status === 404 || fault.status === 410 ? gone() : lost()));
    }, PAUSE_MILLISECONDS);
  }

  function gone() {
    end();
    told("gone", { id });
  }

  function end() {
    ended = true;
    source?.close();
    clearTimeout(again);
  }

  open();
  return end;
}
