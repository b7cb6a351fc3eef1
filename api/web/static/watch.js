// A job's events, for as long as it is not over, over every loss of the connection.

import { address, getJob, isMissing } from "./service.js";

const PAUSE_MILLISECONDS = 2000;
const KINDS = ["status", "progress", "preview", "done", "gone"];
const REFUSED = [401, 403];

/**
 * Watches a job: calls `onEvent(kind, data)` for each event, with the kind `refused` where a key is needed,
 * and `onConnection(isConnected)` when the connection is lost or restored. Returns a function that stops it.
 */
export function watch(id, { onEvent, onConnection }) {
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
    source.onopen = () => onConnection(true);
    source.onerror = lost;
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        onConnection(true);
        if (kind === "done" || kind === "gone") end();
        onEvent(kind, JSON.parse(event.data));
      });
    }
  }

  // A browser gives up when the service answers with an error: check whether the job exists.
  function lost() {
    if (ended) return;
    onConnection(false);
    source?.close();
    clearTimeout(again);
    again = setTimeout(() => {
      getJob(id).then(open, (error) => {
        if (isMissing(error)) last("gone", { id });
        else if (REFUSED.includes(error.status)) last("refused", error);
        else lost();
      });
    }, PAUSE_MILLISECONDS);
  }

  function last(kind, data) {
    if (ended) return;
    end();
    onConnection(true);
    onEvent(kind, data);
  }

  function end() {
    ended = true;
    source?.close();
    clearTimeout(again);
  }

  open();
  return end;
}
