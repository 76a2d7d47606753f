// What all pages of the board share: requests, numbers, plots.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const palette = JSON.parse(document.body.dataset.colours);

export const colours = () => (dark.matches ? palette.dark : palette.light);
export const onDark = act => dark.addEventListener("change", act);

// The answer to a request as a value. Throws an Error with a sentence for the reader.
export async function ask(method, address, content) {
  const body = content instanceof Blob ? content : content === undefined ? undefined : JSON.stringify(content);
  let answer;
  try {
    answer = await fetch(address, { method, body, headers: { "content-type": "application/json" } });
  } catch {
    throw new Error("The board does not answer; it may have been closed where it was started. Runs go on.");
  }
  if (!(answer.headers.get("content-type") ?? "").startsWith("application/json")) {
    throw new Error(answer.status === 413 ? "The file is too large." : `The board answered with ${answer.status}.`);
  }
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    const raised = [...power.replace("+", "")].map(sign => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("");
    return `${Number(mantissa)} × 10${raised}`.replace("-", "−");
  }
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

// Numbers to the same decimals, so that the ends of an interval look alike.
export function alike(values, digits = 4) {
  const most = Math.max(...values.filter(Number.isFinite).map(Math.abs));
  if (!Number.isFinite(most) || most < 1e-3 || most >= 1e6) return values.map(value => number(value, digits));
  const place = Math.max(0, digits - 1 - Math.floor(Math.log10(most)));
  return values.map(value => (Number.isFinite(value) ? value.toFixed(place).replace("-", "−") : number(value)));
}

const compact = new Intl.NumberFormat("en", { notation: "compact" });
const short = value => (value >= 1e3 ? compact.format(value).replace("K", "k") : number(value, 1).replace(/^1 × /, ""));

// Of a logarithmic axis: powers of ten alone where there are many, else 1, 2 and 5 of each. A value counts so many.
export function log(values, multiple = 1) {
  const known = values.filter(value => Number.isFinite(value)).map(value => value * multiple);
  if (!known.length || Math.min(...known) <= 0) return { type: "linear" };
  const [low, high] = [Math.min(...known), Math.max(...known)].map(Math.log10);
  if (high - low <= 1 && multiple === 1) return { type: "log" };
  const tickvals = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const step of high - low > 2.5 ? [1] : [1, 2, 5]) tickvals.push(Number(`${step}e${power}`));
  }
  return { type: "log", tickvals: tickvals.map(value => value / multiple), ticktext: tickvals.map(short) };
}

export function rgba(hex, opacity) {
  return `rgba(${[1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)).join(",")},${opacity})`;
}

// Plotly takes some tags in texts for markup.
export const plain = text => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// Long formulas in the box that follows the pointer.
export function folded(text, width = 60) {
  const lines = [];
  for (let rest = String(text); rest; rest = rest.slice(width)) lines.push(plain(rest.slice(0, width)));
  return lines.join("<br>");
}

const ink = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export async function plot(place, traces, { x, y, height, ...more }) {
  const axis = extra => ({
    gridcolor: ink("--grid"), linecolor: ink("--rule"), zeroline: false, automargin: true, exponentformat: "power",
    ticks: "outside", tickcolor: ink("--rule"), ticklen: 4, ...extra, title: { text: extra.title, standoff: 10 },
  });
  place.style.height = `${height ?? 300}px`; // else it keeps that of another width
  const layout = {
    xaxis: axis(x), yaxis: axis(y), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, -apple-system, 'Segoe UI', sans-serif", size: 12.5, color: ink("--ink") },
    height: height ?? 300, margin: { l: 52, r: 14, t: 14, b: 48 }, showlegend: false, hovermode: "closest",
    hoverlabel: { align: "left", font: { size: 12 } }, ...more,
  };
  await Plotly.react(place, traces, layout, { responsive: true, displayModeBar: false });
}

// A formula that is wider than its place is set smaller, as far as it stays readable; then it scrolls.
export function fitFormulas() {
  for (const law of document.querySelectorAll(".law, .formula .maths")) {
    law.style.fontSize = "";
    const [room, wide] = [law.clientWidth, law.scrollWidth];
    if (room && wide > room + 1) law.style.fontSize = `${Math.max(0.62, 0.97 * room / wide)}em`;
  }
}

export function ready() {
  fitFormulas();
  window.addEventListener("resize", fitFormulas);
  document.documentElement.classList.add("ready");
}
