// What all pages share: the switch of the theme, the focus over live updates, boxes that choose all others.
(function () {
  "use strict";
  const root = document.documentElement;
  const ORDER = ["auto", "light", "dark"];

  function theme() { return root.dataset.theme || "auto"; }

  function show(button) {
    const text = "Theme: " + theme();
    button.setAttribute("aria-label", text);
    button.title = text + "; light, dark, or as the system says";
  }

  function next(button) {
    const chosen = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
    if (chosen === "auto") delete root.dataset.theme; else root.dataset.theme = chosen;
    try { localStorage.setItem("theme", chosen); } catch (error) { button.title = "not kept: " + error.name; }
    show(button);
  }

  // Live parts: nobody looks, or somebody wants to read in peace: nothing is asked for.
  let paused = false;
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.matches("[data-live]") && (paused || document.hidden)) event.preventDefault();
  });
  // What has not changed is left as it is. What has is exchanged as a whole: who was on a link of it with the keyboard stays there.
  const shown = new WeakMap();
  let focused = null;
  document.addEventListener("htmx:beforeSwap", function (event) {
    const target = event.detail.target, answer = event.detail.serverResponse;
    if (!target.matches("[data-live]")) return;
    if (shown.get(target) === answer) event.detail.shouldSwap = false;
    if (event.detail.shouldSwap) shown.set(target, answer);
    focused = target.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  });
  document.addEventListener("htmx:afterSwap", function () {
    const same = focused && [...document.querySelectorAll("main a[href]")].find(link => link.getAttribute("href") === focused);
    if (same) same.focus({ preventScroll: true });
    focused = null;
  });
  // One that cannot be had is marked, instead of showing old numbers as if they were new.
  document.addEventListener("htmx:afterRequest", function (event) {
    const live = event.target.closest && event.target.closest("[data-live]");
    if (live) live.classList.toggle("stale", !event.detail.successful);
  });

  function pausing(button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      paused = !paused;
      button.textContent = paused ? "Go on updating" : "Pause updates";
      document.querySelectorAll("[data-live]").forEach(live => live.classList.toggle("paused", paused));
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    const button = document.getElementById("theme");
    button.hidden = false;
    show(button);
    button.addEventListener("click", () => next(button));
    document.querySelectorAll("button[data-pause]").forEach(pausing);
  });
  document.addEventListener("change", function (event) {
    const box = event.target;
    if (!box.matches("input[data-all]")) return;
    for (const other of document.getElementsByName(box.dataset.all)) other.checked = box.checked;
  });
})();
