// A shared worker: one open line to the server for all pages of this browser. Were it one for each,
// the six that a browser opens to a server over HTTP/1.1 would be gone with six pages.
(() => {
  "use strict";
  const AGAIN_MS = 30000;
  const pages = new Set();
  let source = null;

  function tell(what) {
    for (const page of pages) page.postMessage(what);
  }

  function open() {
    source = new EventSource("/news");
    source.addEventListener("changed", (event) => tell({ topics: JSON.parse(event.data) }));
    source.onopen = () => tell({ state: "open" });
    source.onerror = () => tell({ state: "lost" });
  }

  function join(page) {
    pages.add(page);
    // A line that was refused (nobody was logged in, or too many were open) stays closed by itself.
    if (source === null || source.readyState === EventSource.CLOSED) open();
    else page.postMessage({ state: source.readyState === EventSource.OPEN ? "open" : "lost" });
  }

  function leave(page) {
    pages.delete(page);
    if (pages.size || source === null) return;
    source.close();
    source = null;
  }

  self.addEventListener("connect", (event) => {
    const [page] = event.ports;
    page.onmessage = ({ data }) => (data === "join" ? join(page) : leave(page));
  });
  setInterval(() => {
    if (pages.size && source.readyState === EventSource.CLOSED) open();
  }, AGAIN_MS);
})();
