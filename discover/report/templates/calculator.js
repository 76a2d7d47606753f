"use strict";
// The calculator's fields, sentences and plots. `page` draws: what report.js gives for plots.
function startCalculator(page) {
  const place = document.getElementById("calculator");
  const DATA = JSON.parse(document.getElementById("calculator-data").textContent);
  const ensemble = new Ensemble(DATA, LAWS);
  const find = selector => place.querySelector(selector);
  const fields = [...place.querySelectorAll("[data-column]")];
  const choice = { group: find("[name=group]"), target: find("[name=target]"), along: find("[name=along]") };
  const cost = find("[name=cost]"), budget = find("[name=budget]");
  const first = new Map([...place.querySelectorAll("input, select")].map(field => [field.name, field.value]));
  const columns = Object.fromEntries(DATA.columns.map(column => [column.name, column]));

  // --- numbers as people read them

  const raised = text => [...String(text)].map(c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
  function quantity(value, digits = 4) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6)) {
      return String(Number(value.toPrecision(digits))).replace("-", "−");
    }
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    const head = String(Number(mantissa)), power = "10" + raised(Number(exponent));
    return (head === "1" ? power : `${head} × ${power}`).replace("-", "−");
  }
  function size(value, digits = 3) {
    const shown = Number(value.toPrecision(digits));
    for (const [letter, step] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]]) {
      if (Math.abs(shown) >= step && Math.abs(shown) < 1e3 * step && !(letter === "k" && Math.abs(shown) < 1e4)) {
        return String(Number((shown / step).toPrecision(digits))) + letter;
      }
    }
    return quantity(value, digits);
  }
  // A value of a column: 7 in a column of 10^9 parameters is 7B.
  const sizeOf = (name, value) => size(value * columns[name].multiple);
  // To so many decimals the ends of an interval are told apart, with one to spare.
  function placeFor(low, high) {
    const span = Math.abs(high - low), most = Math.max(Math.abs(low), Math.abs(high));
    if (!(span > 0) || !Number.isFinite(span)) return null;
    const whole = Math.floor(Math.log10(most));
    return Math.min(6, Math.max(2, whole - Math.floor(Math.log10(span)) + 1)) - whole;
  }
  // A number to so many decimals, zeros at its end kept.
  function toPlace(value, place) {
    if (place === null || !Number.isFinite(value) || value === 0) return quantity(value);
    const text = quantity(value, Math.min(100, Math.max(1, Math.floor(Math.log10(Math.abs(value))) + 1 + place)));
    const [whole, part = ""] = text.split(".");
    return place < 1 || !/^−?\d+$/.test(whole + part) ? text : `${whole}.${part.padEnd(place, "0")}`;
  }
  const fromTo = (low, high, place) => `${toPlace(low, place)}\u00a0to\u00a0${toPlace(high, place)}`;
  const percent = share => (share > 0 && share < 0.005 ? "under 1\u00a0%" : `${Math.round(100 * share)}\u00a0%`);
  const listed = words => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

  // --- what is asked

  function asked() {
    const at = {}, wrong = [];
    for (const field of fields) {
      const name = field.dataset.column, value = numberIn(field.value, columns[name].multiple);
      let why = "";
      if (Number.isNaN(value)) why = `${name} is ${field.value || "empty"}; expected a number such as 0.5, 7B or 1.4T`;
      else if (columns[name].positive && value <= 0) why = `${name} is ${field.value}; expected a number above zero`;
      field.setAttribute("aria-invalid", why ? "true" : "false");
      if (why) wrong.push(why);
      at[name] = value;
    }
    return { at, wrong, group: choice.group?.selectedIndex ?? 0, target: choice.target?.selectedIndex ?? 0 };
  }

  function excess(name, value) {
    const { low, high, positive } = columns[name], shown = value => sizeOf(name, value);
    if (low === null || (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))) return null;
    const end = value > high ? high : low;
    if (!positive || !(value > 0)) {
      const told = `${value > high ? "above" : "below"} the data`;
      return { name, text: `${name} is ${told} (${shown(end)})`, brief: `${name} ${told}`, times: 0 };
    }
    const times = Math.max(value / end, end / value);
    if (times < 1.005) return null; // the end of the data as its field shows it, rounded
    const told = `${quantity(times, 2)} times ${value > high ? "the largest" : "below the smallest"} in the data`;
    return { name, text: `${name} is ${told} (${shown(end)})`, brief: `${name} ${told}`, times };
  }

  // Whether every size is in the data, and no run has them all together.
  const beyondTogether = distance => DATA.drift.axes.length > 0 && distance > 0.005;

  // --- the forecast

  const REASONS = {
    drift: "what all laws may miss so far from the data",
    laws: "laws that fit the data as well and part here",
    constants: "constants that the rows leave open",
    noise: "the noise of a single new measurement",
  };

  function say(selector, text) {
    find(selector).textContent = text;
  }

  function tellForecast({ at, group, target }) {
    const found = ensemble.forecast(at, group, target);
    const [low, high] = [found.lower[0.9], found.upper[0.9]];
    const place = placeFor(low, high);
    const read = DATA.columns.filter(column => column.read).map(column => column.name);
    const outside = DATA.columns.map(column => excess(column.name, at[column.name])).filter(Boolean);
    const farthest = outside.length ? outside.reduce((most, one) => (one.times > most.times ? one : most)) : null;
    const where = farthest ? `, with ${farthest.brief}`
      : beyondTogether(found.distance) ? ", where no run of the data has all sizes as large at once" : ", within the data";
    const settings = listed(read.map(name => `${sizeOf(name, at[name])} ${columns[name].counted}`));
    const grouped = DATA.groups.length > 1 ? ` for ${DATA.groups[group]}` : "";
    say(".told", Number.isFinite(found.value)
      ? `At ${settings}${grouped} the ${DATA.targets[target]} will be ${toPlace(found.value, place)} (90\u00a0%: ${fromTo(low, high, place)})${where}.`
      : `At ${settings}${grouped} the law has no value.`);
    say(".value", toPlace(found.value, place));
    say(".half", fromTo(found.lower[0.5], found.upper[0.5], place));
    say(".most", fromTo(low, high, place));
    say(".alone", toPlace(found.law, place));
    find(".outside").replaceChildren(...(outside.length > 1 ? outside : []).map(one => Object.assign(document.createElement("li"), { textContent: one.text })));
    const shares = Object.entries(found.shares).sort((a, b) => b[1] - a[1]);
    find(".shares").replaceChildren(...shares.map(([name, share]) => {
      const row = document.createElement("li"), bar = document.createElement("span"), text = document.createElement("span");
      bar.className = "bar";
      bar.style.setProperty("--share", String(share));
      text.textContent = `${percent(share)} ${REASONS[name]}`;
      row.append(bar, text);
      return row;
    }));
  }

  // --- plots

  const near = (name, value, wanted) => {
    const { log, low, high } = columns[name];
    const [a, b] = log ? [Math.log(value), Math.log(wanted)] : [value, wanted];
    const width = (log ? Math.log(high / low) : high - low) || 1;
    return Math.abs(a - b) <= 0.1 * width;
  };

  // --- labels of axes: as many as fit, at round numbers (in Python: discover/report/ticks.py)

  const PER_DECADE = [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]];
  function evenTicks(low, high, most) {
    const rough = 10 ** Math.floor(Math.log10((high - low) / most));
    const step = rough * [1, 2, 5, 10].find(times => (high - low) / (rough * times) <= most);
    const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }
  function factorTicks(low, high, most) {
    const powers = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) powers.push(power);
    let inside = [];
    for (const steps of PER_DECADE) {
      inside = powers.flatMap(power => steps.map(step => Number(`${step}e${power}`))).filter(v => v >= low && v <= high);
      if (inside.length <= most) return inside;
    }
    return inside.filter((_, i) => i % Math.ceil(inside.length / most) === 0);
  }
  const tick = value => (Math.abs(value) >= 1e4 && Math.abs(value) < 1e15 ? size(value) : quantity(value, 3).replace(/^1\u00a0?×/, ""));
  function axisOf(title, values, log, multiple = 1) {
    const known = values.filter(value => Number.isFinite(value) && (!log || value > 0));
    const axis = { title: { text: escaped(title) }, ...(log ? { type: "log" } : {}) };
    const ends = [Math.min(...known) * multiple, Math.max(...known) * multiple];
    if (!(ends[1] > ends[0])) return axis;
    const places = (log && ends[1] / ends[0] >= 3 ? factorTicks : evenTicks)(...ends, 7);
    return { ...axis, tickvals: places.map(value => value / multiple), ticktext: places.map(tick) };
  }
  const columnAxis = (name, values, log) => {
    const { multiple, counted } = columns[name];
    return axisOf(multiple > 1 ? `${name} (${counted})` : name, values, log, multiple);
  };

  function forecastFigure({ at, group, target }) {
    const along = choice.along?.value ?? DATA.along[0], { log, low, high } = columns[along];
    const span = high - low || Math.abs(high) || 1;
    const from = log ? Math.min(low, at[along]) : Math.min(low, at[along] - 0.1 * span);
    const to = log ? Math.max(high, at[along]) * 1.6 : Math.max(high, at[along]) + 0.1 * span;
    const n = 44, x = [];
    for (let i = 0; i <= n; i++) x.push(log ? from * (to / from) ** (i / n) : from + (to - from) * i / n);
    const found = x.map(value => ensemble.forecast({ ...at, [along]: value }, group, target));
    const colour = page.colours;
    const band = (level, opacity) => ({
      type: "scatter", mode: "lines", name: `${100 * level}\u00a0% interval`, x: [...x, ...[...x].reverse()], hoverinfo: "skip",
      y: [...found.map(f => f.lower[level]), ...found.map(f => f.upper[level]).reverse()],
      fill: "toself", fillcolor: page.rgba(colour.law, opacity), line: { width: 0 }, showlegend: true,
    });
    const traces = [band(0.9, 0.16), band(0.5, 0.24)];
    const parted = found.some(f => Math.abs(f.value - f.law) > 1e-9 * Math.abs(f.law));
    traces.push({ type: "scatter", mode: "lines", name: "forecast", x, y: found.map(f => f.value), showlegend: true,
      line: { color: colour.law, width: 2.4 }, hovertemplate: "%{x:.4~g}, %{y:.5~g}<extra>forecast</extra>" });
    if (parted) {
      traces.push({ type: "scatter", mode: "lines", name: "chosen law alone", x, y: found.map(f => f.law), showlegend: true,
        line: { color: colour.law, width: 1.4, dash: "dash" }, hovertemplate: "%{x:.4~g}, %{y:.5~g}<extra>chosen law</extra>" });
    }
    for (const [kind, rows] of Object.entries(DATA.rows)) {
      const others = DATA.columns.filter(column => column.read && column.name !== along).map(column => column.name);
      const picks = { near: [], far: [] };
      rows.group.forEach((code, i) => {
        if (code !== group) return;
        picks[others.every(name => near(name, rows.features[name][i], at[name])) ? "near" : "far"].push(i);
      });
      for (const [how, picked] of Object.entries(picks)) {
        if (!picked.length) continue;
        const sealed = kind === "sealed";
        traces.push({ type: "scatter", mode: "markers", showlegend: true,
          name: how === "near" || !others.length ? `${kind} rows` : `${kind}, other settings`,
          x: picked.map(i => rows.features[along][i]), y: picked.map(i => rows.targets[target][i]),
          text: picked.map(i => DATA.columns.map(c => `${c.name} ${sizeOf(c.name, rows.features[c.name][i])}`).join("<br>")),
          hovertemplate: "%{text}<br>measured %{y:.5~g}<extra></extra>",
          marker: { color: sealed ? colour.sealed : how === "near" ? colour.train : colour.faint, size: how === "near" ? 7 : 5,
            symbol: (sealed ? "diamond" : "circle") + (sealed ? "-open" : ""), line: { width: sealed ? 2 : 0 } },
          opacity: how === "near" ? 0.9 : 0.6 });
      }
    }
    const here = ensemble.forecast(at, group, target);
    traces.push({ type: "scatter", mode: "markers", name: "your run", x: [at[along]], y: [here.value], showlegend: true,
      error_y: { type: "data", symmetric: false, array: [here.upper[0.9] - here.value], arrayminus: [here.value - here.lower[0.9]],
        color: colour.here, thickness: 1.6, width: 5 },
      marker: { color: colour.here, size: 13, symbol: "star" }, hovertemplate: "%{x:.4~g}, %{y:.5~g}<extra>your run</extra>" });
    const others = DATA.columns.filter(c => c.read && c.name !== along).map(c => `${c.name} ${sizeOf(c.name, at[c.name])}`);
    const shapes = log || high > low ? [{ type: "line", x0: high, x1: high, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: colour.rule } }] : [];
    return {
      data: traces,
      layout: {
        xaxis: columnAxis(along, x, log),
        yaxis: axisOf(DATA.targets[target], traces.flatMap(trace => trace.y), DATA.positive[target] && found.every(f => f.lower[0.9] > 0)),
        shapes,
      },
      caption: `${DATA.targets[target]} against ${along}${others.length ? ` at ${others.join(", ")}` : ""}. The dotted line is the end of the data.`,
    };
  }

  const escaped = text => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  // --- the best sizes for a budget

  let lastPlan = null;
  function plan({ at, group, target }) {
    const known = DATA.columns.map(column => column.name);
    const formula = formulaIn(cost.value, known), limit = numberIn(budget.value);
    if (!(limit > 0)) throw new Error(`the budget is ${budget.value || "empty"}; expected a number above zero such as 1e23`);
    const free = formula.names.filter(name => columns[name].read && columns[name].positive);
    if (!free.length) throw new Error("the cost names no column that a law reads; expected a formula such as 6*params*tokens");
    const usual = Object.fromEntries(free.map(name => [name, Math.sqrt(columns[name].low * columns[name].high)]));
    const objective = point => DATA.aims[target] * ensemble.law(point, group, target);
    const solve = amount => bestSizes(objective, formula, amount, free, at, usual);
    return { formula, limit, free, usual, objective, solve, at, group, target };
  }

  function tellBudget(question) {
    const list = find(".off"), plots = find(".budget-plots");
    let made;
    if (!cost.value.trim()) {
      say(".best", "Enter what a run costs, as a formula over the columns, and a budget.");
      say(".law-says", "");
      list.replaceChildren();
      plots.hidden = true;
      return;
    }
    try {
      made = plan(question);
    } catch (error) {
      say(".best", error.message);
      say(".law-says", "");
      list.replaceChildren();
      plots.hidden = true;
      return;
    }
    const found = made.solve(made.limit);
    if (found === null) {
      say(".best", "No sizes cost this much: the cost must rise with every size in it.");
      say(".law-says", "");
      list.replaceChildren();
      plots.hidden = true;
      return;
    }
    const { target, group } = made;
    const forecast = ensemble.forecast(found.columns, group, target);
    const place = placeFor(forecast.lower[0.9], forecast.upper[0.9]);
    const sizes = listed(made.free.map(name => `${sizeOf(name, found.columns[name])} ${columns[name].counted}`));
    const outside = made.free.map(name => excess(name, found.columns[name])).filter(Boolean).map(one => one.text);
    const settled = found.settled ? "" : " The law has no best sizes inside of the search: one size just goes on.";
    say(".best", `For ${quantity(made.limit)} the best sizes are ${sizes}: ${DATA.targets[target]} ${toPlace(forecast.value, place)} `
      + `(90\u00a0%: ${fromTo(forecast.lower[0.9], forecast.upper[0.9], place)}).`
      + `${outside.length ? ` There ${listed(outside)}.` : ""}${settled}`);
    say(".law-says", made.free.length > 1 ? `What being off costs, by the chosen law, which says ${toPlace(forecast.law, place === null ? null : place + 1)} there:` : "");
    list.replaceChildren(...(made.free.length > 1 ? prices(made, found) : []));
    plots.hidden = made.free.length < 2;
    lastPlan = { ...made, found };
  }

  // The price of being off: one size is so many times the best, another one takes what is left of the budget.
  function off(made, found, name, factor) {
    const other = made.free.find(one => one !== name);
    const moved = { ...found.columns, [name]: found.columns[name] * factor };
    moved[other] = spending(made.formula, moved, other, made.limit, made.usual[other]);
    return moved;
  }

  function prices(made, found) {
    const name = made.free[0], best = ensemble.law(found.columns, made.group, made.target);
    return [0.25, 0.5, 2, 4].map(factor => {
      const moved = off(made, found, name, factor), value = ensemble.law(moved, made.group, made.target);
      const item = document.createElement("li"), change = value - best;
      const times = factor < 1 ? `1/${1 / factor} of` : `${factor} times`;
      const sign = change >= 0 ? "+" : "−";
      item.textContent = `${times} the best ${name} (${sizeOf(name, moved[name])}): ${sign}${quantity(Math.abs(change), 2)}`;
      return item;
    });
  }

  function budgetFigures() {
    const made = lastPlan;
    if (!made) return [];
    const colour = page.colours, n = 24, budgets = [];
    for (let i = 0; i <= n; i++) budgets.push(made.limit * 10 ** (-3 + 5 * i / n));
    const solved = budgets.map(amount => made.solve(amount));
    const dashes = ["solid", "dash", "dot", "dashdot"], marks = ["circle", "diamond", "square", "cross"];
    // Sizes in one unit stand on one axis; columns of millions and of billions do not go together otherwise.
    const scale = name => columns[name].multiple;
    const lines = made.free.map((name, k) => ({
      type: "scatter", mode: "lines", name: escaped(name), x: budgets, y: solved.map(s => (s ? s.columns[name] * scale(name) : null)), showlegend: true,
      line: { color: [colour.law, colour.sealed, colour.human, colour.rival][k % 4], width: 2.2, dash: dashes[k % 4] },
      hovertemplate: `budget %{x:.3~g}<br>%{y:.4~g}<extra>${escaped(name)}</extra>`,
    }));
    const here = made.free.map((name, k) => ({
      type: "scatter", mode: "markers", x: [made.limit], y: [made.found.columns[name] * scale(name)], showlegend: false, hoverinfo: "skip",
      marker: { color: colour.here, size: 10, symbol: marks[k % 4] },
    }));
    const frontier = {
      data: [...lines, ...here],
      layout: { xaxis: axisOf("budget", budgets, true), yaxis: axisOf("best size", lines.flatMap(line => line.y), true), shapes: [] },
      caption: "Best sizes over budgets, by the chosen law; the marks are at your budget.",
    };
    const name = made.free[0], curves = [0.1, 1, 10].map((factor, k) => {
      const amount = made.limit * factor, best = made.solve(amount);
      if (best === null) return null;
      const scaled = { ...made, limit: amount }, steps = 40, x = [], y = [];
      for (let i = 0; i <= steps; i++) {
        const moved = off(scaled, best, name, 8 ** (-1 + 2 * i / steps));
        x.push(moved[name]);
        y.push(ensemble.law(moved, made.group, made.target));
      }
      const label = `budget ${quantity(amount, 3)}`;
      return [
        { type: "scatter", mode: "lines", name: label, x, y, showlegend: true, line: { color: colour.law, width: k === 1 ? 2.6 : 1.4, dash: ["dot", "solid", "dash"][k] },
          hovertemplate: `%{x:.4~g}, %{y:.5~g}<extra>${label}</extra>` },
        { type: "scatter", mode: "markers", name: "best", x: [best.columns[name]], y: [ensemble.law(best.columns, made.group, made.target)],
          showlegend: false, hoverinfo: "skip", marker: { color: colour.here, size: 9, symbol: "diamond" } },
      ];
    });
    const isoflop = {
      data: curves.filter(Boolean).flat(),
      layout: { xaxis: columnAxis(name, curves.filter(Boolean).flatMap(([line]) => line.x), true),
        yaxis: axisOf(DATA.targets[made.target], curves.filter(Boolean).flatMap(([line]) => line.y), false), shapes: [] },
      caption: `The price of being off: ${DATA.targets[made.target]} along ${name} with each budget spent whole, from an eighth to eight times the best.`,
    };
    return [frontier, isoflop];
  }

  // --- links

  function link() {
    const values = new URLSearchParams();
    for (const field of place.querySelectorAll("input[name], select[name]")) {
      if (field.value !== first.get(field.name) || field.dataset.column) values.set(field.name, field.value);
    }
    return `#calculator?${values}`;
  }

  function follow() {
    const [name, query] = location.hash.split("?");
    if (name !== "#calculator" || !query) return false;
    for (const [key, value] of new URLSearchParams(query)) {
      const field = [...place.querySelectorAll("input[name], select[name]")].find(one => one.name === key);
      if (!field || (field.options && ![...field.options].some(option => option.value === value))) continue;
      field.value = value;
    }
    return true;
  }

  // --- together

  let waiting = 0;
  function tell() {
    const question = asked();
    say(".wrong", question.wrong.join("; "));
    place.classList.toggle("mistaken", question.wrong.length > 0);
    if (question.wrong.length) return;
    tellForecast(question);
    if (cost) tellBudget(question); // no such field where there is but one size to choose
    clearTimeout(waiting);
    waiting = setTimeout(() => draw(question), 30);
  }
  async function draw(question) {
    await page.show(find("[data-plot=forecast]"), forecastFigure(question));
    if (cost && !find(".budget-plots").hidden) {
      const [frontier, isoflop] = budgetFigures();
      await page.show(find("[data-plot=frontier]"), frontier);
      await page.show(find("[data-plot=isoflop]"), isoflop);
    }
    place.classList.add("ready");
  }
  function changed() {
    tell();
    try {
      history.replaceState(null, "", link());
    } catch {
      // Some browsers keep the address of a file as it is; the button still gives the link.
    }
  }

  place.addEventListener("input", changed);
  place.querySelector("form").addEventListener("submit", event => event.preventDefault());
  find("[name=copy]").addEventListener("click", async () => {
    const address = location.href.split("#")[0] + link();
    try {
      await navigator.clipboard.writeText(address);
      say(".copied", "The link is copied.");
    } catch {
      location.hash = link();
      say(".copied", "The address of this page now holds the values.");
    }
    setTimeout(() => say(".copied", ""), 4000);
  });
  window.addEventListener("hashchange", () => { if (follow()) tell(); });
  if (follow()) place.scrollIntoView();
  tell();
  page.redraw.push(() => tell());
  return { ensemble, forecast: (at, of = {}) => ensemble.forecast(at, of.group ?? 0, of.target ?? 0), plan: () => lastPlan };
}
