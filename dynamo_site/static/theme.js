// Runs before anything is drawn: the reader's choice of light or dark, if there is one, else what the system says.
(function () {
  "use strict";
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch (error) {
    // Storage is closed to us: the system's choice holds.
    console.info("no storage for the theme", error.name);
  }
})();
