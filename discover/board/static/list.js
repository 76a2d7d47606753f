// The list of runs: sorting, filtering, choosing, and looking for news.
import { fitFormulas, ready } from "./board.js";

const EVERY_MS = 3000;
const table = document.getElementById("runs");
if (table) start();
ready();

function start() {
  const body = table.tBodies[0];
  const tools = document.querySelector(".tools");
  const compare = document.getElementById("compare");
  const chosen = new Set();
  let order = { key: "started", down: true };

  const valueOf = (row, key) => {
    const text = row.dataset[key] ?? "";
    return text === "" ? null : ["name", "status", "law", "started"].includes(key) ? text.toLowerCase() : Number(text);
  };

  function sort() {
    const rows = [...body.rows].map(row => [valueOf(row, order.key), row]);
    const sign = order.down ? -1 : 1;
    rows.sort(([a], [b]) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a < b ? -sign : sign)); // unknown last
    body.append(...rows.map(([, row]) => row));
    for (const head of table.tHead.querySelectorAll("th")) {
      const own = head.querySelector("button")?.dataset.sort === order.key;
      if (own) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  function filter() {
    const words = tools.elements.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = tools.elements.status.value;
    let shown = 0;
    for (const row of body.rows) {
      const text = row.dataset.words.toLowerCase();
      row.hidden = (status !== "" && row.dataset.status !== status) || !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    const all = body.rows.length;
    document.getElementById("shown").textContent = shown === all ? "" : `${shown} of ${all} shown`;
  }

  function choose() {
    for (const box of body.querySelectorAll("[name=pick]")) box.checked = chosen.has(box.value);
    const enough = chosen.size >= 2;
    compare.textContent = enough ? `Compare ${chosen.size}` : "Tick runs to compare";
    compare.setAttribute("aria-disabled", String(!enough));
    if (enough) compare.href = `/compare?${[...chosen].map(key => `run=${encodeURIComponent(key)}`).join("&")}`;
    else compare.removeAttribute("href");
  }

  body.addEventListener("change", event => {
    if (event.target.name !== "pick") return;
    if (event.target.checked) chosen.add(event.target.value);
    else chosen.delete(event.target.value);
    choose();
  });
  table.tHead.addEventListener("click", event => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const same = order.key === button.dataset.sort;
    order = { key: button.dataset.sort, down: same ? !order.down : button.dataset.first === "down" };
    sort();
  });
  tools.addEventListener("input", filter);
  tools.addEventListener("submit", event => event.preventDefault());
  tools.elements.order.addEventListener("change", event => {
    order = { key: event.target.value, down: ["started", "forecast", "seconds"].includes(event.target.value) };
    sort();
  });

  async function look() {
    try {
      const answer = document.hidden ? null : await fetch(`/rows?known=${encodeURIComponent(table.dataset.version)}`);
      if (answer?.status === 200) {
        const focused = document.activeElement?.closest("#runs tbody tr")?.dataset.key;
        const control = document.activeElement?.tagName;
        body.innerHTML = await answer.text(); // made and escaped by the board's own template
        table.dataset.version = answer.headers.get("x-version");
        sort();
        filter();
        choose();
        fitFormulas();
        const row = focused && [...body.rows].find(one => one.dataset.key === focused);
        if (row) row.querySelector(control === "A" ? "a" : "input")?.focus();
      }
    } catch { /* closed; the list stays as it was */ }
    setTimeout(look, EVERY_MS);
  }
  filter();
  choose();
  setTimeout(look, EVERY_MS);
}
