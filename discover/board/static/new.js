// A new run: a table is brought, what was guessed of it is put right, and the search begins.
import { ask, ready } from "./board.js";

const drop = document.getElementById("drop");
const file = drop.querySelector("input");
const form = document.getElementById("task");
const wrong = document.getElementById("wrong");
const busy = document.getElementById("busy");
const trouble = document.getElementById("trouble");
const columns = document.getElementById("columns").tBodies[0];
const ROLES = JSON.parse(form.dataset.roles);
const WORDS = { target: "target", feature: "predict from", group: "group", errors: "standard error", weights: "weight", unused: "leave out" };
let table = "";
let corrected = false;

async function bring(chosen) {
  if (!chosen) return;
  wrong.textContent = "";
  busy.textContent = `reading ${chosen.name} …`;
  try {
    const found = await ask("PUT", `/api/tables?name=${encodeURIComponent(chosen.name)}`, chosen);
    table = found.table;
    corrected = false;
    show(found);
    form.hidden = false;
    drop.classList.add("kept");
    drop.querySelector("strong").textContent = "Another table";
  } catch (problem) {
    form.hidden = true;
    wrong.textContent = problem.message;
  }
  busy.textContent = "";
}

function show(found) {
  document.getElementById("read").textContent = `${found.table}: ${found.rows.toLocaleString("en")} rows`;
  columns.replaceChildren(...found.headings.map(row));
  tell(found);
}

function tell(found) {
  trouble.textContent = found.trouble;
  form.elements.start.disabled = found.trouble !== "";
  const notes = document.querySelector("#guesses ul");
  notes.replaceChildren(...found.notes.map(text => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  document.getElementById("guesses").hidden = found.notes.length === 0;
}

function row(heading) {
  const made = document.createElement("tr");
  made.dataset.heading = heading.name;
  made.insertCell().textContent = heading.name;
  made.insertCell().textContent = heading.cells.join(", ");
  const role = document.createElement("select");
  role.setAttribute("aria-label", `role of ${heading.name}`);
  for (const name of ROLES) role.add(new Option(WORDS[name], name, false, name === heading.role));
  made.insertCell().append(role);
  const along = document.createElement("input");
  along.type = "checkbox";
  along.checked = heading.along;
  along.setAttribute("aria-label", `extrapolate along ${heading.name}`);
  made.insertCell().append(along);
  const mark = () => {
    made.className = role.value === "unused" ? "unused" : "";
    along.disabled = role.value !== "feature";
  };
  role.addEventListener("change", mark);
  mark();
  return made;
}

function wishes() {
  const rows = [...columns.rows];
  const value = name => form.elements[name].value.trim();
  return {
    table, holdout: value("holdout"), where: value("where"), error_scale: value("error_scale"),
    roles: corrected ? Object.fromEntries(rows.map(one => [one.dataset.heading, one.querySelector("select").value])) : null,
    along: rows.filter(one => one.querySelector("input").checked && !one.querySelector("input").disabled)
      .map(one => one.dataset.heading),
  };
}

let number = 0;
async function check() {
  const own = ++number;
  try {
    const found = await ask("POST", "/api/guess", wishes());
    if (own === number) { if (corrected) tell(found); else show(found); }
  } catch (problem) {
    if (own === number) trouble.textContent = problem.message;
  }
}

file.addEventListener("change", () => bring(file.files[0]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, event => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") bring(event.dataTransfer.files[0]);
  });
}
form.addEventListener("change", event => {
  if (event.target.closest("#columns")) corrected = true;
  if (event.target.closest("#columns") || ["holdout", "where", "error_scale"].includes(event.target.name)) check();
});
form.elements.evaluations.addEventListener("input", event => {
  // A number of laws replaces the time, unless a time is entered on top.
  if (event.target.value && form.elements.budget.value === "60s") form.elements.budget.value = "";
  if (!event.target.value && !form.elements.budget.value) form.elements.budget.value = "60s";
});
form.addEventListener("submit", async event => {
  event.preventDefault();
  const start = form.elements.start;
  const names = ["budget", "evaluations", "seed", "proposers", "workers", "llm", "llm-cost"];
  const search = Object.fromEntries(names.map(name => [name, form.elements[name].value.trim()]));
  start.disabled = true;
  trouble.textContent = "";
  busy.textContent = "starting …";
  try {
    const { run } = await ask("POST", "/api/start", { ...wishes(), search });
    location.href = `/run?run=${encodeURIComponent(run)}`;
  } catch (problem) {
    trouble.textContent = problem.message;
    trouble.scrollIntoView({ block: "center" });
    start.disabled = false;
  }
  busy.textContent = "";
});
ready();
