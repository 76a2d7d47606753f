// Several laws at one point and along one column.
import { alike, ask, colours, log, onDark, plain, plot, ready, rgba } from "./board.js";

const form = document.getElementById("point");
const wrong = document.getElementById("wrong");
const runs = JSON.parse(form.dataset.runs);
const fields = [...form.querySelectorAll("[data-column]")];
const SYMBOLS = ["circle", "square", "triangle-up", "cross", "x", "pentagon", "triangle-down", "star"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
let latest = null;
let number_of_last = 0;

// The address carries the values, so that it can be kept.
const address = new URLSearchParams(location.search);
for (const field of form.elements) {
  if (field.name && address.has(field.name)) field.value = address.get(field.name);
}

function entered() {
  const value = name => form.elements[name]?.value ?? "";
  return {
    runs, group: value("group"), target: value("target"), along: value("along"),
    at: Object.fromEntries(fields.map(field => [field.dataset.column, field.value.trim()])),
  };
}

function keep() {
  const kept = new URLSearchParams(runs.map(run => ["run", run]));
  for (const field of form.elements) if (field.name && field.value) kept.set(field.name, field.value);
  history.replaceState(null, "", `?${kept}`);
}

async function compare() {
  const own = ++number_of_last;
  try {
    const found = await ask("POST", "/api/compare", entered());
    if (own !== number_of_last) return;
    wrong.textContent = "";
    latest = found;
    keep();
    tell(found);
    await draw(found);
  } catch (problem) {
    if (own === number_of_last) wrong.textContent = problem.message;
  }
  if (!document.querySelector("html.ready")) ready();
}

function tell(found) {
  const without = found.runs.filter(side => !side.curve && !side.trouble).map(side => side.run);
  const apart = new Set(found.runs.map(side => side.target)).size > 1
    ? ["These runs do not predict the same target, so that only the shapes of their curves compare."] : [];
  const left = without.length ? [`Not in the plot, as their laws do not read ${found.along}: ${without.join(", ")}.`] : [];
  document.getElementById("remark").textContent = [...apart, ...left].join(" ");
  found.runs.forEach((side, i) => {
    const cell = document.querySelector(`[data-side="${i}"]`);
    const line = (tag, text) => {
      const made = document.createElement(tag);
      made.textContent = text;
      return made;
    };
    if (side.trouble) { cell.replaceChildren(line("small", side.trouble)); return; }
    const [value, law, low, high] = alike([side.value, side.law, side.lower ?? side.value, side.upper ?? side.value]);
    const parts = [line("strong", value)];
    if (side.lower !== undefined) parts.push(line("small", `90\u00a0%: ${low}\u00a0to\u00a0${high}`));
    if (law !== value) parts.push(line("small", `law alone ${law}`));
    if (side.group) parts.push(line("small", side.group));
    parts.push(...side.beyond.map(text => line("small", text)));
    cell.replaceChildren(...parts);
  });
}

async function draw(found) {
  const own = colours();
  for (const swatch of document.querySelectorAll(".swatch")) swatch.style.background = own[swatch.dataset.series % own.length];
  const traces = [];
  const rules = [];
  found.runs.forEach((side, i) => {
    if (!side.curve) return;
    const colour = own[i % own.length];
    const { x, value, lower, upper } = side.curve;
    if (lower) {
      const inside = x.map((_, k) => k).filter(k => lower[k] !== null && upper[k] !== null);
      traces.push({ x: [...inside.map(k => x[k]), ...inside.toReversed().map(k => x[k])],
        y: [...inside.map(k => lower[k]), ...inside.toReversed().map(k => upper[k])], mode: "lines", fill: "toself",
        fillcolor: rgba(colour, 0.14), line: { width: 0, color: rgba(colour, 0.14) }, hoverinfo: "skip", showlegend: false });
    }
    traces.push({ x, y: value, mode: "lines", name: plain(side.run), line: { color: colour, width: 2.2, dash: DASHES[i % 4] },
      hovertemplate: `%{x:.4~s}: %{y:.5~g}<extra>${plain(side.run)}</extra>`, showlegend: true });
    traces.push({ x: [found.at[found.along]], y: [side.value], mode: "markers", showlegend: false,
      marker: { color: colour, size: 10, symbol: SYMBOLS[i % SYMBOLS.length] }, hoverinfo: "skip" });
    if (side.ends?.length) rules.push(side.ends[1]);
  });
  const rule = getComputedStyle(document.documentElement).getPropertyValue("--edge").trim();
  const targets = new Set(found.runs.map(side => side.target));
  await plot(document.getElementById("curves"), traces, {
    x: { title: plain(found.along), exponentformat: "B", ...(found.log ? log(found.runs.flatMap(side => side.curve?.x ?? []), found.multiple) : {}) },
    y: { title: plain([...targets].join(", ")) }, height: 380,
    shapes: [...new Set(rules)].map(at => ({ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1,
      line: { color: rule, width: 1, dash: "dot" } })),
    showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, margin: { l: 52, r: 14, t: 40, b: 48 },
  });
}

let waiting = 0;
form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(compare, 250); });
form.addEventListener("submit", event => { event.preventDefault(); compare(); });
onDark(() => latest && draw(latest));
compare();
