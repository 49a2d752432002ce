/* Small things on any page: copy a citation, say how old an execution is, reach what scrolls with the keyboard, print
 * what is folded. */
(() => {
  "use strict";
  const DAY = 24 * 3600 * 1000;
  // The book is executed weekly; one missed week is noticed.
  const STALE_DAYS = 8;

  const selectText = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  for (const box of document.querySelectorAll(".copyable")) {
    const button = box.querySelector(".copy-text");
    const outcome = box.querySelector(".copy-outcome");
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = box.querySelector("code");
      try {
        await navigator.clipboard.writeText(text.textContent);
        outcome.textContent = "Copied.";
      } catch {
        // Without https there is no clipboard: leave the text selected for the reader's own shortcut.
        selectText(text);
        outcome.textContent = "Selected: press Ctrl+C.";
      }
    });
  }

  for (const time of document.querySelectorAll("time.executed")) {
    const days = Math.floor((Date.now() - Date.parse(time.dateTime)) / DAY);
    if (days >= 1) {
      const age = document.createElement("span");
      age.className = days > STALE_DAYS ? "age stale" : "age";
      age.textContent = days > STALE_DAYS ? ` (${days} days ago: no longer kept fresh)` : ` (${days} d ago)`;
      time.after(age);
    }
  }

  const sized = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (target.scrollWidth > target.clientWidth) {
        target.tabIndex = 0;
      } else {
        target.removeAttribute("tabindex");
      }
    }
  });
  for (const table of document.querySelectorAll("article table")) {
    sized.observe(table);
  }

  // Paper has nothing to click on.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("article details:not([open])")];
    for (const folded of opened) {
      folded.open = true;
    }
  });
  window.addEventListener("afterprint", () => {
    for (const folded of opened) {
      folded.open = false;
    }
  });
})();
