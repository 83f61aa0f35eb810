// Completion in a text of policies: the words before the cursor, as a list below the text, chosen with the keyboard or the mouse.
(function () {
  "use strict";
  const LONGEST = 12;
  const WORD = /[\w.*/-]+$/;

  function start(form, area, words) {
    const list = document.createElement("ul");
    list.className = "suggestions";
    list.id = area.id + "-suggestions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Words that can stand here");
    list.hidden = true;
    area.after(list);
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", list.id);
    let chosen = -1;

    function before() { return (WORD.exec(area.value.slice(0, area.selectionStart)) || [""])[0]; }

    function close() {
      list.hidden = true;
      list.replaceChildren();
      chosen = -1;
      area.removeAttribute("aria-activedescendant");
    }

    function choose(number) {
      chosen = (number + list.children.length) % list.children.length;
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
      const item = list.children[chosen];
      area.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    }

    function take(word) {
      const start = area.selectionStart - before().length;
      area.setRangeText(word, start, area.selectionStart, "end");
      close();
      area.focus();
      area.dispatchEvent(new Event("input", { bubbles: true }));
      close();
    }

    function item(entry, place) {
      const made = document.createElement("li");
      made.id = list.id + "-" + place;
      made.setAttribute("role", "option");
      made.setAttribute("aria-selected", "false");
      const word = document.createElement("code"), what = document.createElement("span");
      word.textContent = entry.word;
      what.className = "soft";
      what.textContent = " " + entry.what;
      made.append(word, what);
      made.addEventListener("mousedown", function (event) { event.preventDefault(); take(entry.word); });
      return made;
    }

    function suggest() {
      const typed = before().toLowerCase();
      if (typed.length < 2) return close();
      const fits = words.filter(entry => entry.word.toLowerCase().startsWith(typed) && entry.word.toLowerCase() !== typed);
      const within = words.filter(entry => entry.word.toLowerCase().indexOf(typed) > 0);
      const found = [...fits, ...within].slice(0, LONGEST);
      if (!found.length) return close();
      list.replaceChildren(...found.map(item));
      list.hidden = false;
      chosen = -1;
    }

    area.addEventListener("input", suggest);
    area.addEventListener("blur", close);
    area.addEventListener("keydown", function (event) {
      if (list.hidden) return;
      const keys = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in keys) choose(chosen < 0 && event.key === "ArrowUp" ? -1 : chosen + keys[event.key]);
      else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) take(list.children[chosen].querySelector("code").textContent);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    for (const area of document.querySelectorAll("textarea[data-complete]")) {
      const form = area.form;
      fetch(form.dataset.words).then(answer => answer.json()).then(known => start(form, area, known.words));
    }
  });
})();
