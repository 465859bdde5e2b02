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

  function renew(topics) {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-live]")) {
      const wanted = part.dataset.live.split(" ");
      if ((topics === null || topics.some((topic) => wanted.includes(topic))) && !isBusy(part)) {
        htmx.trigger(part, "renew");
      }
    }
  }

  function listen() {
    const live = document.querySelector("[data-live]");
    if (!live) return;
    const line = document.getElementById("line");
    const source = new EventSource(`/news?case=${encodeURIComponent(live.dataset.case || "")}`);
    const say = (word) => {
      if (!line) return;
      line.dataset.state = word;
      line.textContent = word === "open" ? "live" : "reconnecting";
    };
    let missed = false;
    source.addEventListener("changed", (event) => {
      if (document.hidden) missed = true;
      renew(JSON.parse(event.data));
    });
    source.onopen = () => {
      if (line && line.dataset.state === "lost") renew(null);
      say("open");
    };
    source.onerror = () => say("lost");
    setInterval(() => renew(null), EVERY_MS);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && missed) {
        missed = false;
        renew(null);
      }
    });
    window.addEventListener("pagehide", () => source.close());
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
