// A job's events, for as long as it is not over, over every loss of the connection.

import { address, look } from "./service.js";

const PAUSE_MILLISECONDS = 2000;
const KINDS = ["status", "progress", "preview", "done", "gone"];
const GONE = [404, 410];
const REFUSED = [401, 403];

/**
 * Watches a job: `told(kind, data)` for each event, and for `refused` where a key is wanted;
 * `connected(is)` when the connection goes or comes back. Gives a function that ends it.
 */
export function watch(id, { told, connected }) {
  let source = null;
  let again = 0;
  let ended = false;

  async function open() {
    if (ended) return;
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
      look(id).then(open, (fault) => {
        if (GONE.includes(fault.status)) last("gone", { id });
        else if (REFUSED.includes(fault.status)) last("refused", fault);
        else lost();
      });
    }, PAUSE_MILLISECONDS);
  }

  function last(kind, data) {
    if (ended) return;
    end();
    connected(true);
    told(kind, data);
  }

  function end() {
    ended = true;
    source?.close();
    clearTimeout(again);
  }

  open();
  return end;
}
