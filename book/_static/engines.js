/* The reader's choice of engine: both, coffea or RDataFrame, remembered where the browser allows it.
 *
 * Without this script both engines are shown, side by side where there is room, else one after the other. */
(() => {
  "use strict";
  const KEY = "cookbook-engine";
  const CHOICES = { both: "Both", coffea: "coffea", rdataframe: "RDataFrame" };
  const narrow = window.matchMedia("(max-width: 87.49rem)");
  const root = document.documentElement;

  // Storage may be switched off (private windows, file addresses): then the choice lasts as long as the page.
  const stored = () => {
    try {
      const choice = window.localStorage.getItem(KEY);
      return choice in CHOICES ? choice : null;
    } catch {
      return null;
    }
  };
  const store = (choice) => {
    try {
      window.localStorage.setItem(KEY, choice);
    } catch {
      /* nothing to do */
    }
  };

  let chosen = stored();
  const current = () => chosen ?? (narrow.matches ? "coffea" : "both");

  const show = () => {
    root.dataset.engine = current();
    for (const radio of document.querySelectorAll(".engine-choice input")) {
      radio.checked = radio.value === current();
    }
  };

  const choose = (choice) => {
    chosen = choice;
    store(choice);
    show();
  };

  const control = (block, number) => {
    const group = document.createElement("fieldset");
    group.className = "engine-choice";
    const legend = document.createElement("legend");
    legend.textContent = "Show";
    group.append(legend);
    for (const [value, name] of Object.entries(CHOICES)) {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = `engine-choice-${number}`;
      radio.value = value;
      radio.addEventListener("change", () => choose(value));
      label.append(radio, name);
      group.append(label);
    }
    block.prepend(group);
  };

  root.dataset.engine = current();
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".engines").forEach(control);
    document.querySelector(".engines")?.classList.add("engines-first");
    show();
  });
  narrow.addEventListener("change", show);
})();
