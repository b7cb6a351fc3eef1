// The events of a job until it is over, with reconnections.

import { address, getJob, isMissing } from "./service.js";

const PAUSE_MILLISECONDS = 2000;
const KINDS = ["status", "progress", "preview", "done", "gone"];
const REFUSED = [401, 403];

/**
 * Watches a job: calls `onEvent(kind, data)` for each event, with the kind `refused` if a key is needed,
 * and `onConnection(isConnected)` when the connection is lost or restored. Returns a function that stops it.
 */
export function watch(id, { onEvent, onConnection }) {
  let source = null;
  let timer = 0;
  let ended = false;

  async function open() {
    const url = await address(`jobs/${id}/events`).catch(() => null);
    if (ended || document.hidden) return;
    if (!url) return reconnect();
    close();
    source = new EventSource(url);
    source.onopen = () => onConnection(true);
    source.onerror = reconnect;
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        onConnection(true);
        if (kind === "done" || kind === "gone") end();
        onEvent(kind, JSON.parse(event.data));
      });
    }
  }

  // A browser gives up if the service responds with an error: check whether the job exists.
  function reconnect() {
    if (ended) return;
    onConnection(false);
    close();
    timer = setTimeout(() => {
      getJob(id).then(open, (error) => {
        if (isMissing(error)) endWith("gone", { id });
        else if (REFUSED.includes(error.status)) endWith("refused", error);
        else reconnect();
      });
    }, PAUSE_MILLISECONDS);
  }

  function endWith(kind, data) {
    if (ended) return;
    end();
    onConnection(true);
    onEvent(kind, data);
  }

  function end() {
    ended = true;
    close();
    document.removeEventListener("visibilitychange", onVisibility);
  }

  function close() {
    source?.close();
    clearTimeout(timer);
  }

  // Over HTTP/1.1, a browser has six connections to the service: six open tabs would block it.
  function onVisibility() {
    if (document.hidden) close();
    else open();
  }

  document.addEventListener("visibilitychange", onVisibility);
  open();
  return end;
}
