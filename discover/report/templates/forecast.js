"use strict";
// Forecasts of a law, and the best sizes for a budget, without a page: what discover.forecasts.Ensemble computes in
// Python, number by number. DATA and LAWS are what discover/report/calculator.py writes.

const COUNTS = { k: 1e3, m: 1e6, b: 1e9, t: 1e12 };

// A number as people write it: 7e9, 7B, 1.4T; NaN for anything else.
// In a column that counts millions, 7B is 7000.
function numberIn(text, multiple = 1) {
  const found = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([kmbt]?)\s*$/i.exec(text.replaceAll(",", ""));
  if (!found || (found[2] && /e/i.test(found[1]))) return NaN;
  return Number(found[1]) * (found[2] ? COUNTS[found[2].toLowerCase()] / multiple : 1);
}

function doubles(base64) {
  const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

// Quantile of sorted numbers, linear between neighbours; NaN of none.
function quantile(sorted, share) {
  if (!sorted.length) return NaN;
  const place = share * (sorted.length - 1), below = Math.floor(place);
  const low = sorted[below], high = sorted[Math.min(below + 1, sorted.length - 1)], part = place - below;
  if (low === high) return low;
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

const sortedNumbers = values => Float64Array.from(values).filter(value => !Number.isNaN(value)).sort();

class Ensemble {
  // data: groups, targets, features, laws (weight, draws), noise, drift, bounds, nodes; laws: a function for each.
  constructor(data, laws) {
    this.data = data;
    this.laws = data.laws.map((law, i) => ({ ...laws[i], weight: law.weight, values: doubles(law.constants) }));
    for (const law of this.laws) law.width = law.constants.length;
  }

  // Law number i with its best constants (row 0) or with draw number `row`.
  value(i, row, columns, group, target) {
    const law = this.laws[i], { groups, targets } = this.data;
    const start = ((row * groups.length + group) * targets.length + target) * law.width;
    return law.value(law.inputs.map(name => columns[name]), law.values.subarray(start, start + law.width));
  }

  law(columns, group, target) {
    return this.value(0, 0, columns, group, target);
  }

  samples(i, columns, group, target) {
    return Float64Array.from({ length: this.data.laws[i].draws }, (_, row) => this.value(i, row + 1, columns, group, target));
  }

  // The width of a column in a group; of all groups where the one has a single value.
  width(name, group) {
    const ends = this.data.drift.ends[name], [low, high] = ends[group];
    return high - low || Math.max(...ends.map(e => e[1])) - Math.min(...ends.map(e => e[0])) || 1;
  }

  // How far a point lies beyond its group's data, in widths of the data.
  distance(columns, group) {
    const { ends, logged, axes, front } = this.data.drift;
    let total = 0;
    const names = Object.keys(ends), gaps = front[group].map(() => 0);
    for (const name of names) {
      if (columns[name] === undefined) continue;
      const x = logged.includes(name) ? Math.log10(columns[name]) : columns[name];
      const [low, high] = ends[name][group];
      const width = this.width(name, group);
      if (!axes.length) {
        const place = names.indexOf(name);
        front[group].forEach((point, k) => { gaps[k] += ((x - point[place]) / width) ** 2; });
      } else if (axes.includes(name)) {
        const place = axes.indexOf(name);
        front[group].forEach((point, k) => { gaps[k] += (Math.max(x - point[place], 0) / width) ** 2; });
        total += (Math.max(low - x, 0) / width) ** 2;
      } else {
        total += (Math.max(x - high, low - x, 0) / width) ** 2;
      }
    }
    return Math.sqrt(total + Math.min(...gaps));
  }

  bounded(value) {
    const [low, high] = this.data.bounds;
    return Math.min(Math.max(value, low ?? -Infinity), high ?? Infinity);
  }

  spread(value, term, target) {
    return this.bounded(this.data.noise.log[target] ? value * Math.exp(term) : value + term);
  }

  // value, law, lower and upper by level, shares of the uncertainty, distance.
  forecast(columns, group = 0, target = 0, levels = [0.5, 0.9]) {
    const distance = this.distance(columns, group), noise = this.data.noise.scale[group][target];
    const drift = noise * this.data.drift.growth * Math.sqrt(distance + distance ** 2);
    const perLaw = this.laws.map((_, i) => this.samples(i, columns, group, target));
    const law = this.law(columns, group, target), value = this.middle(law, columns, group, target);
    const size = Math.hypot(drift, noise), { nodes } = this.data, spread = [];
    for (const samples of perLaw) {
      for (const sample of samples) for (const node of nodes) spread.push(this.spread(sample, node * size, target));
    }
    const mixture = sortedNumbers(spread.map(v => Math.min(Math.max(v, -HUGE), HUGE)));
    const end = share => { const at = quantile(mixture, share); return Math.abs(at) < HUGE ? at : Math.sign(at) * Infinity; };
    const lower = {}, upper = {};
    for (const level of levels) {
      const low = end(0.5 - level / 2), high = end(0.5 + level / 2);
      lower[level] = Number.isNaN(value) || low < value ? low : value;
      upper[level] = Number.isNaN(value) || high > value ? high : value;
    }
    return { value, law, lower, upper, distance, shares: this.shares(perLaw, value, drift, noise, target) };
  }

  // The forecast itself: the average of the laws, or the chosen law where the data name no average.
  middle(law, columns, group, target) {
    if (!this.data.mean) return law;
    const logs = this.data.mean === "log", weights = this.laws.map(one => one.weight);
    const say = at => this.laws.map((_, i) => this.value(i, 0, at, group, target));
    const said = say(columns), value = average(said, weights, logs), { edge, inside, times } = this.inward(columns, group);
    if (said.length < 2 || times === 0) return this.bounded(value);
    const [at, back] = [edge, inside].map(place => average(say(place), weights, logs));
    return this.bounded(restrained(value, at, back, times, disagreement(said, weights, logs), logs));
  }

  // A point beyond its group's data where they end, and farther within; how often that way fits into the one beyond.
  inward(columns, group) {
    const { ends, logged, axes } = this.data.drift, steps = {};
    let way = 0;
    for (const name of axes.filter(axis => this.laws.some(law => law.inputs.includes(axis)))) {
      const high = ends[name][group][1];
      steps[name] = Math.max((logged.includes(name) ? Math.log10(columns[name]) : columns[name]) - high, 0) || 0;
      way = Math.max(way, steps[name] / this.width(name, group));
    }
    const part = UPPER_PART / Math.max(way, UPPER_PART);
    const moved = times => ({ ...columns, ...Object.fromEntries(Object.entries(steps).map(([name, step]) => [
      name, logged.includes(name) ? columns[name] * 10 ** (-times * step) : columns[name] - times * step,
    ])) });
    return { edge: moved(1), inside: moved(1 + part), times: way > 0 ? 1 / part : 0 };
  }

  shares(perLaw, value, drift, noise, target) {
    const held = tamed(perLaw.map(samples => samples.map(v => this.bounded(v))));
    const centres = held.map(samples => quantile(sortedNumbers(samples), 0.5));
    const spreads = held.map(samples => { const s = sortedNumbers(samples); return (quantile(s, 0.841) - quantile(s, 0.159)) / 2; });
    const weighted = of => this.laws.reduce((sum, law, i) => sum + law.weight * of(i), 0);
    const middle = weighted(i => centres[i]);
    const size = this.data.noise.log[target] ? Math.abs(value) : 1;
    const parts = {
      constants: weighted(i => spreads[i] ** 2),
      laws: weighted(i => (centres[i] - middle) ** 2),
      drift: (size * drift) ** 2,
      noise: (size * noise) ** 2,
    };
    const total = parts.constants + parts.laws + parts.drift + parts.noise;
    for (const name of Object.keys(parts)) parts[name] = total > 0 ? parts[name] / total : 0;
    return parts;
  }
}

const HUGE = 1e300, TAIL = 4;

const HALF = [0.16, 0.5, 0.84], REACH = 2, UPPER_PART = 0.5, YIELDING = 4, TINY = 1e-37;

// What laws say, or its logarithm, where that is a number.
const saidBy = (values, weights, logs) => values
  .map((value, i) => ({ said: logs ? Math.log(value > 0 ? value : NaN) : value, weight: weights[i] }))
  .filter(one => Number.isFinite(one.said));

// The weighted variance of what laws say, or of its logarithms.
function disagreement(values, weights, logs) {
  const known = saidBy(values, weights, logs), total = known.reduce((sum, one) => sum + one.weight, 0);
  const mean = known.reduce((sum, one) => sum + one.weight / total * one.said, 0);
  return known.reduce((sum, one) => sum + one.weight / total * (one.said - mean) ** 2, 0);
}

// A forecast beyond the data, no steeper than within them unless the laws agree that it is.
function restrained(value, edge, inside, times, variance, logs) {
  const [now, at, back] = logs ? [value, edge, inside].map(Math.log) : [value, edge, inside];
  const room = times * Math.abs(at - back);
  const change = Math.min(Math.max(now, at - room), at + room) - now;
  const moved = now + change / (1 + change ** 2 / (YIELDING * variance + TINY)), out = logs ? Math.exp(moved) : moved;
  return Number.isFinite(out) && change !== 0 ? out : value;
}

// The weighted mean of what several laws say, which no single wild one rules.
function average(values, weights, logs) {
  const known = saidBy(values, weights, logs).sort((a, b) => a.said - b.said);
  const total = known.reduce((sum, one) => sum + one.weight, 0);
  let passed = 0;
  const shares = known.map(one => (passed += one.weight) / total);
  const [low, middle, high] = HALF.map(share => known[shares.findIndex(at => at >= share - 1e-12)]?.said ?? NaN);
  const reach = REACH * (high - low) / 2;
  const held = known.map(one => one.weight * Math.min(Math.max(one.said, middle - reach), middle + reach));
  const mean = held.reduce((sum, value) => sum + value, 0) / total;
  return logs ? Math.exp(mean) : mean;
}

// Draws of all laws with wild ones pulled in.
function tamed(perLaw) {
  const finite = sortedNumbers(perLaw.flatMap(samples => [...samples].filter(Number.isFinite)));
  const middle = quantile(finite, 0.5);
  const reach = TAIL * Math.max(quantile(finite, 0.841) - quantile(finite, 0.159), 1e-300) / 2;
  return perLaw.map(samples => samples.map(v => (
    Number.isFinite(v) ? Math.min(Math.max(v, middle - reach), middle + reach) : middle
  )));
}

// --- costs and budgets

const FUNCTIONS = {
  exp: Math.exp, log: Math.log, sqrt: Math.sqrt, abs: Math.abs, log10: Math.log10, min: Math.min, max: Math.max,
  Min: Math.min, Max: Math.max,
};

// A formula such as 6*params*tokens as { names, value(columns) }; throws an Error that says what is wrong.
function formulaIn(text, known) {
  const parts = text.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|[\p{L}_][\p{L}\p{N}_]*|\*\*|\S/giu) ?? [];
  const names = new Set();
  let at = 0;
  const next = () => parts[at++];
  const expect = wanted => {
    const found = next();
    if (found !== wanted) throw new Error(`the cost has ${found ?? "an end"} where ${wanted} was expected`);
  };
  function sum() {
    let left = product();
    while (parts[at] === "+" || parts[at] === "-") {
      const minus = next() === "-", first = left, second = product();
      left = minus ? c => first(c) - second(c) : c => first(c) + second(c);
    }
    return left;
  }
  function product() {
    let left = sign();
    while (parts[at] === "*" || parts[at] === "/") {
      const over = next() === "/", first = left, second = sign();
      left = over ? c => first(c) / second(c) : c => first(c) * second(c);
    }
    return left;
  }
  function sign() {
    if (parts[at] !== "-") return power();
    next();
    const inner = sign();
    return c => -inner(c);
  }
  function power() {
    const base = atom();
    if (parts[at] !== "**" && parts[at] !== "^") return base;
    next();
    const exponent = sign();
    return c => Math.pow(base(c), exponent(c));
  }
  function atom() {
    const part = next();
    if (part === "(") {
      const inner = sum();
      expect(")");
      return inner;
    }
    if (part !== undefined && /^[\d.]/.test(part)) {
      const value = Number(part);
      if (Number.isNaN(value)) throw new Error(`the cost has ${part}; expected a number`);
      return () => value;
    }
    if (part !== undefined && Object.hasOwn(FUNCTIONS, part) && parts[at] === "(") {
      next();
      const given = [sum()];
      while (parts[at] === ",") {
        next();
        given.push(sum());
      }
      expect(")");
      return c => FUNCTIONS[part](...given.map(one => one(c)));
    }
    if (part !== undefined && known.includes(part)) {
      names.add(part);
      return c => c[part];
    }
    throw new Error(part === undefined ? "the cost ends too early" : `the cost has ${part}, which is no column (${known.join(", ")})`);
  }
  const value = sum();
  if (at < parts.length) throw new Error(`the cost has ${parts[at]} where it should have ended`);
  return { names: [...names], value };
}

const GOLDEN = (Math.sqrt(5) - 1) / 2, FARTHEST = Math.log(1e18);

// Where a function of one number is smallest: the best place of a grid, then a golden section around it.
function lowest(f, low, high, steps = 96) {
  let best = low, least = Infinity;
  const width = (high - low) / steps;
  for (let i = 0; i <= steps; i++) {
    const at = low + i * width, value = f(at);
    if (value < least) [best, least] = [at, value];
  }
  let a = Math.max(low, best - width), b = Math.min(high, best + width);
  let c = b - GOLDEN * (b - a), d = a + GOLDEN * (b - a), fc = f(c), fd = f(d);
  for (let i = 0; i < 60 && b - a > 1e-10; i++) {
    if (fc <= fd) [b, d, fd, c] = [d, c, fc, d - GOLDEN * (d - a)], fc = f(c);
    else [a, c, fc, d] = [c, d, fd, c + GOLDEN * (b - c)], fd = f(d);
  }
  const at = (a + b) / 2;
  return { at, value: f(at), inside: best - low > width / 2 && high - best > width / 2 };
}

// The value of a column at which a run costs the budget; the cost must rise with it. NaN where there is none.
function spending(cost, columns, name, budget, around) {
  const over = x => cost.value({ ...columns, [name]: Math.exp(x) }) - budget;
  let low = Math.log(around) - FARTHEST, high = Math.log(around) + FARTHEST;
  if (!(over(low) <= 0 && over(high) >= 0)) return NaN;
  for (let i = 0; i < 200 && high - low > 1e-14 * Math.max(1, Math.abs(low)); i++) {
    const middle = (low + high) / 2;
    if (over(middle) < 0) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

// The sizes for which a function is smallest among those that cost the budget. `free`: the columns that may change.
// Two columns at a time are exchanged for each other along the budget, until no exchange helps.
function bestSizes(objective, cost, budget, free, columns, usual) {
  const last = free.at(-1);
  let now = { ...columns };
  for (const name of free) now[name] = usual[name];
  now[last] = spending(cost, now, last, budget, usual[last]);
  if (Number.isNaN(now[last])) return null;
  let settled = true, value = objective(now);
  if (free.length === 1) return { columns: now, value, settled };
  for (let round = 0; round < (free.length > 2 ? 40 : 1); round++) {
    const before = value;
    settled = true;
    for (let i = 0; i < free.length; i++) {
      for (let j = i + 1; j < free.length; j++) {
        const [one, other] = [free[i], free[j]];
        const exchanged = x => {
          const moved = { ...now, [one]: Math.exp(x) };
          moved[other] = spending(cost, moved, other, budget, usual[other]);
          return moved;
        };
        const reach = Math.log(budget / cost.value({ ...now, [one]: usual[one], [other]: usual[other] })) / 2;
        const middle = Math.log(usual[one]) + reach, wide = 14;
        const found = lowest(x => {
          const reached = objective(exchanged(x));
          return Number.isFinite(reached) ? reached : Infinity;
        }, middle - wide, middle + wide);
        settled &&= found.inside;
        if (found.value < value || round === 0) {
          now = exchanged(found.at);
          value = found.value;
        }
      }
    }
    if (!(before - value > 1e-13 * Math.abs(value))) break;
  }
  return { columns: now, value, settled };
}
