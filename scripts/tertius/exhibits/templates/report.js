(() => {
  const contents = document.querySelector("nav.toc details");
  if (contents && matchMedia("(max-width: 67.99rem)").matches) contents.open = false;
  const table = document.querySelector("table.claims");
  const form = document.querySelector("#claim-controls");
  if (!table || !form) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const told = form.querySelector("output");
  const order = { supported: 0, contradicted: 1, inconclusive: 2, not_testable: 3 };
  const keys = {
    id: (row) => row.dataset.id,
    verdict: (row) => order[row.dataset.verdict] + row.dataset.id,
    p: (row) => row.dataset.p.padStart(12, "0") + row.dataset.id,
  };
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const apply = () => {
    const value = (name) => form.elements[name].value;
    const words = value("words").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits =
        (!value("paper") || row.dataset.paper === value("paper")) &&
        (!value("verdict") || row.dataset.verdict === value("verdict") ||
          (value("verdict") === "tested" && row.dataset.verdict !== "not_testable")) &&
        (!value("place") || row.dataset.place === value("place")) &&
        (!value("flag") || row.dataset.flags.split(" ").includes(value("flag"))) &&
        words.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    const key = keys[value("sort")];
    const sorted = [...rows].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    body.append(...sorted);
    told.value = `${shown} of ${rows.length} claims`;
  };
  const open = () => {
    const row = document.querySelector(location.hash || "#none");
    if (row && row.hidden) { form.reset(); apply(); row.scrollIntoView(); }
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  apply();
})();
