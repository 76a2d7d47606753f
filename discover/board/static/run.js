// One run: its search as it goes on, and what can be done with it.
import { ask, colours, folded, log, number, onDark, plot, ready } from "./board.js";

const EVERY_MS = 1000;
const page = document.getElementById("run");
const { key, limit, seconds: most } = page.dataset;
const query = `run=${encodeURIComponent(key)}`;
const place = name => page.querySelector(`[data-live="${name}"]`);
const wrong = document.getElementById("wrong");
let before = null;
let latest = null;

function show(state) {
  latest = state;
  const set = (name, text) => { if (place(name).textContent !== text) place(name).textContent = text; };
  const scored = Math.max(state.scored, state.noted ?? 0);
  set("scored", scored.toLocaleString("en"));
  set("limit", limit ? `of ${Number(limit).toLocaleString("en")}` : "");
  set("seconds", number(state.seconds === null ? null : Math.round(state.seconds), 6));
  set("most", most ? `of ${number(Number(most))}` : "");
  set("rate", rate(state));
  set("error", state.best.length ? number(state.best.at(-1).error, 3) : "–");
  const waiting = page.dataset.status === "running" && scored === 0;
  set("said", state.said || (waiting ? "Reading the table; the first laws are scored after some seconds." : ""));
  set("trouble", state.trouble ? `Errors of laws cannot be shown: ${state.trouble}` : "");
  page.querySelector(".leader").hidden = !state.leader || page.dataset.status !== "running";
  set("leader", state.leader ?? "");
  for (const part of page.querySelectorAll(".model")) part.hidden = !state.model;
  if (state.model) {
    set("calls", state.model.calls.toLocaleString("en"));
    const failed = state.model.failed ? `, ${state.model.failed} failed` : "";
    set("tokens", `${state.model.answers} answered${failed}; ${state.model.tokens.toLocaleString("en")} tokens`);
    set("money", state.model.cost === null ? "no price known" : `$${state.model.cost.toFixed(4)}`);
  }
  proposers(state.proposers);
  draw(state);
}

// Laws a second since the last look while it runs, else over the whole search.
function rate(state) {
  const [laws, seconds] = [state.noted ?? 0, state.seconds ?? 0];
  let found = seconds > 0 ? laws / seconds : null;
  if (before && state.status === "running" && seconds - before.seconds >= 0.5) {
    found = before.rate = (laws - before.laws) / (seconds - before.seconds);
    before = { laws, seconds, rate: found };
  } else if (before?.rate !== undefined && state.status === "running") found = before.rate;
  before ??= { laws, seconds };
  return found === null ? "–" : number(found, 3);
}

function proposers(found) {
  const table = document.getElementById("proposers");
  const all = Object.values(found).reduce((sum, one) => sum + one.scored, 0);
  table.hidden = document.getElementById("meant").hidden = all === 0;
  const rows = Object.entries(found).sort(([, a], [, b]) => b.scored - a.scored).map(([name, one]) => {
    const row = document.createElement("tr");
    for (const [text, kind] of [[name, ""], [one.scored.toLocaleString("en"), "number"],
      [`${Math.round(100 * one.scored / all)} %`, "number"], [one.entered, "number"], [one.leads, "number"]]) {
      const cell = row.insertCell();
      cell.textContent = text;
      cell.className = kind;
    }
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
}

function draw(state) {
  page.querySelector(".grid").hidden = state.best.length === 0;
  if (!state.best.length) return;
  const [blue, orange] = colours();
  const steps = state.best.map(step => step.index + 1);
  const errors = state.best.map(step => step.error);
  const told = state.best.map(step => `law ${step.index + 1}: ${number(step.error, 3)}<br>${folded(step.formula)}`);
  const last = Math.max(state.scored, 1);
  if (steps.length && last > steps.at(-1)) { steps.push(last); errors.push(errors.at(-1)); told.push(told.at(-1)); }
  const best = { x: steps, y: errors, text: told, hovertemplate: "%{text}<extra></extra>", mode: "lines+markers",
    line: { shape: "hv", color: blue, width: 2 }, marker: { size: 6 } };
  plot(document.getElementById("best"), [best], {
    x: { title: "laws tried", ...(last > 50 ? log(steps) : { rangemode: "tozero", tickformat: ",d" }) }, y: { title: "held-out error", ...log(errors) },
  });
  const front = state.front;
  const others = { x: front.map(law => law.complexity), y: front.map(law => law.error),
    text: front.map(law => `${number(law.error, 3)}, ${law.proposer}<br>${folded(law.formula)}`),
    hovertemplate: "%{text}<extra></extra>", mode: "lines+markers", line: { color: orange, width: 1.5, shape: "hv" },
    marker: { size: 8, color: front.map(law => (law.formula === state.leader ? blue : orange)) } };
  plot(document.getElementById("front"), [others], {
    x: { title: "complexity (nodes of the formula)", rangemode: "tozero" }, y: { title: "held-out error", ...log(others.y) },
  });
}

async function follow() {
  try {
    const state = await ask("GET", `/live?${query}`);
    if (state.status !== page.dataset.status) { location.reload(); return; }
    show(state);
    wrong.textContent = "";
  } catch (problem) {
    wrong.textContent = problem.message;
  }
  if (!document.querySelector("html.ready")) ready();
  if (page.dataset.status === "running") setTimeout(follow, EVERY_MS);
}

page.querySelector(".actions").addEventListener("click", async event => {
  const button = event.target.closest("[data-act]");
  if (!button || button.disabled) return;
  const acted = page.querySelector(".acted");
  const act = button.dataset.act;
  button.disabled = true;
  wrong.textContent = "";
  acted.textContent = { stop: "ending with the law found so far …", resume: "going on …", report: "writing the report …" }[act];
  try {
    await ask("POST", `/api/${act}`, { run: key });
    if (act === "report") location.href = `/report?${query}`;
    if (act === "resume") location.reload();
  } catch (problem) {
    wrong.textContent = problem.message;
    acted.textContent = "";
    button.disabled = false;
  }
});
// A page that the browser kept while the report was open.
window.addEventListener("pageshow", event => { if (event.persisted) location.reload(); });
document.getElementById("export")?.addEventListener("submit", event => {
  event.preventDefault();
  const target = event.target.elements.to.value;
  location.href = `/export?${query}&to=${encodeURIComponent(target)}`;
});
onDark(() => latest && draw(latest));
follow();
