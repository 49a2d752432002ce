/* The calculator of "How far does it go": the cost model of cookbook.reach, with the costs that the page embeds. */
(() => {
  "use strict";
  const BIN_MB = 16e-6; // a sum of weights and one of squares

  const terms = (costs, job) => {
    const used = Math.min(job.cores, Math.max(1, Math.ceil(job.events / job.task_events)));
    const eventS = costs.event_s * (1 + costs.variation * job.variations);
    return {
      start: costs.start_s,
      compute: (job.events * eventS) / used,
      storage: (job.events * costs.event_bytes) / job.storage,
      scheduler: (job.events / job.task_events) * costs.task_s,
      merging: used * job.result_mb * costs.merge_s,
    };
  };

  const seconds = (costs, job) => {
    const each = terms(costs, job);
    return each.start + Math.max(each.compute, each.storage, each.scheduler) + each.merging;
  };

  const bottleneck = (costs, job) => Object.entries(terms(costs, job)).reduce((a, b) => (b[1] > a[1] ? b : a))[0];

  const shown = (number) => Number(number.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });

  const setUp = (form) => {
    const recipes = JSON.parse(form.querySelector("script").textContent);
    const body = form.querySelector("tbody");

    const apply = () => {
      const given = new FormData(form);
      const number = (name) => Number(given.get(name));
      body.replaceChildren();
      if (!form.checkValidity()) {
        return;
      }
      const variations = number("variations");
      const job = {
        events: number("events"),
        cores: number("cores"),
        variations,
        task_events: number("task_events"),
        storage: number("storage") * 1e9,
        result_mb: number("bins") * (1 + variations) * BIN_MB,
      };
      for (const [tool, costs] of Object.entries(recipes[given.get("recipe")] ?? {})) {
        const [low, high] = costs.spread.map((factor) => seconds({ ...costs, event_s: factor * costs.event_s }, job) / 3600);
        const memory = (costs.memory_mb + job.result_mb) / 1000;
        const row = body.insertRow();
        const cells = [
          shown(seconds(costs, job) / 3600),
          `${shown(low)} to ${shown(high)}`,
          bottleneck(costs, job),
          shown(memory),
          shown(memory * job.cores),
        ];
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = costs.title;
        row.append(head);
        for (const text of cells) {
          row.insertCell().textContent = text;
        }
      }
    };

    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    apply();
  };

  document.querySelectorAll("form.reach").forEach(setUp);
})();
