// Keeps an open page current and remembers whether it is light or dark. Pages work without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const THEMES = ["auto", "light", "dark"];

  function remembered() {
    try {
      const theme = localStorage.getItem("theme");
      return THEMES.includes(theme) ? theme : "auto";
    } catch {
      return "auto";
    }
  }

  function show(theme) {
    if (theme === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    }
  }

  show(remembered()); // before anything is drawn

  function choose(theme) {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // A browser that keeps nothing forgets it with the page.
    }
    show(theme);
  }

  const EVERY_MS = 30000;

  /** A part that somebody is filling a form in is left alone until it is sent or folded up. */
  function isBusy(part) {
    return part.querySelector("details[open] form") !== null || part.querySelector("form:focus-within") !== null;
  }

  /** Whether a part shows what a topic names; of cases, the one that it is about or any. */
  function concerns(part, topic) {
    const [name, issue] = topic.split(":");
    const isWanted = part.dataset.live.split(" ").includes(name);
    return isWanted && (issue === undefined || issue === "*" || issue === part.dataset.case);
  }

  function renew(topics) {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-live]")) {
      if ((topics === null || topics.some((topic) => concerns(part, topic))) && !isBusy(part)) {
        htmx.trigger(part, "renew");
      }
    }
  }

  /** Hear what the server tells all pages of this browser; gives the function that ends it. */
  function hearing(script, heard) {
    let end = () => {};
    const alone = () => {
      const source = new EventSource("/news");
      source.addEventListener("changed", (event) => heard({ topics: JSON.parse(event.data) }));
      source.onopen = () => heard({ state: "open" });
      source.onerror = () => heard({ state: "lost" });
      end = () => source.close();
    };
    try {
      const worker = new SharedWorker(script, "mendwire");
      worker.onerror = alone;
      worker.port.onmessage = ({ data }) => heard(data);
      worker.port.postMessage("join");
      end = () => worker.port.postMessage("leave");
    } catch {
      alone(); // a browser without shared workers, or one that forbids them
    }
    return () => end();
  }

  function listen() {
    const line = document.getElementById("line");
    if (!line) return;
    let missed = false;
    const heard = ({ topics, state }) => {
      if (topics) {
        if (document.hidden) missed = true;
        renew(topics);
        return;
      }
      if (state === "open" && line.dataset.state === "lost") renew(null);
      line.dataset.state = state;
      line.textContent = state === "open" ? "live" : "reconnecting";
    };
    let end = hearing(line.dataset.news, heard);
    setInterval(() => renew(null), EVERY_MS);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && missed) {
        missed = false;
        renew(null);
      }
    });
    window.addEventListener("pagehide", () => end());
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return; // else it came back as it was left
      end = hearing(line.dataset.news, heard);
      renew(null);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    show(remembered());
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.addEventListener("click", () => choose(button.dataset.themeChoice));
    }
    if (window.Idiomorph) {
      // What a person unfolded stays so when the part around it is renewed.
      Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
        !(name === "open" && node.tagName === "DETAILS");
      Idiomorph.defaults.ignoreActiveValue = true;
    }
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-copy]");
      if (!button) return;
      navigator.clipboard?.writeText(button.dataset.copy).then(() => {
        button.textContent = "copied";
      });
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const search = document.getElementById("q");
      if (!search) return;
      event.preventDefault();
      search.focus();
    });
    listen();
  });
})();
