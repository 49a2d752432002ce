/* Search and filters over the recipe cards. The state stands in the page's address, so that it can be linked. */
(() => {
  "use strict";
  const FILTERS = ["chapter", "object", "api"];

  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

  const matches = (card, wanted) => {
    const everything = [card.dataset.text, card.dataset.chapter, card.dataset.object, card.dataset.api].join(" ").toLowerCase();
    return (
      words(wanted.q).every((word) => everything.includes(word)) &&
      FILTERS.every((name) => !wanted[name] || card.dataset[name].split("|").includes(wanted[name]))
    );
  };

  const setUp = (catalogue) => {
    const form = catalogue.querySelector(".recipe-filters");
    const count = catalogue.querySelector(".filter-count");
    const cards = [...catalogue.querySelectorAll(".recipe-card")];

    const apply = () => {
      const wanted = Object.fromEntries(new FormData(form));
      const shown = cards.filter((card) => {
        card.hidden = !matches(card, wanted);
        return !card.hidden;
      });
      count.textContent = `${shown.length} of ${cards.length} recipes`;
      const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value)).toString();
      window.history.replaceState(null, "", `${window.location.pathname}${query && `?${query}`}${window.location.hash}`);
    };

    for (const [name, value] of new URLSearchParams(window.location.search)) {
      const field = form.elements.namedItem(name);
      if (field) {
        field.value = value;
      }
    }
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    apply();
  };

  document.querySelectorAll(".recipe-catalogue").forEach(setUp);
})();
