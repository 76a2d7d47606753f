"""JavaScript: an ES module without dependencies, for Node, Deno and browsers."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from discover.export.forecast_code import filled, laid_out
from discover.export.identifiers import JAVASCRIPT, listed
from discover.export.layout import Layout, exact_literal, lay_out
from discover.expressions import walk
from discover.expressions.tree import Call
from discover.forecasts import Ensemble
from discover.law.document import LawDocument

STEP = "const step = x => (x > 0 ? 1 : x < 0 ? 0 : x === 0 ? 0.5 : NaN);\n"

CHECKS = """\
  for (const name of FEATURES) {
    if (typeof columns[name] !== "number") throw new TypeError(`${name} is ${columns[name]}; expected a number`);
  }"""
"""Refuses a point that lacks one of FEATURES."""

PLACE = """\
function place(name, known, kind) {
  if (name === undefined && known.length === 1) return 0;
  const found = known.indexOf(name);
  if (found < 0) throw new RangeError(`${kind} is ${name}; expected one of ${known.slice(0, 8).join(", ")}`);
  return found;
}"""
"""The place of a group or target by its name, as a function of a module."""

_MODULE = Template("""\
$heading

export const GROUPS = $groups;
export const TARGETS = $targets;
export const FEATURES = $features;

// [group][target]: $order
export const CONSTANTS = [
$constants
];

$step/**
 * Predicted value at one point.
 *
 * @param {Object<string, number>} columns a number for every one of FEATURES; further ones are ignored
 * @param {{group?: string, target?: string}} [of] which of GROUPS and TARGETS; needed where there are several
 * @returns {number}
 */
export function predict(columns, of = {}) {
$checks
  const constants = CONSTANTS[place(of.group, GROUPS, "group")][place(of.target, TARGETS, "target")];
  return law(FEATURES.map(name => columns[name]), constants);
}

function law([$arguments], [$names]) {
  return $text;
}

$place
""")


def javascript_module(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    layout = javascript_layout(document)
    return _MODULE.substitute(
        heading=layout.heading("//"),
        groups=strings(document.groups),
        targets=strings(document.targets),
        features=strings(layout.inputs),
        order=", ".join(layout.constants) or "no constants",
        constants=",\n".join(f"  {sets}" for sets in constant_sets(layout)),
        step=f"{STEP}\n" if needs_step(layout) else "",
        arguments=", ".join(layout.arguments),
        names=", ".join(layout.names[name] for name in layout.constants),
        text=layout.text,
        checks=CHECKS,
        place=PLACE,
    )


def javascript_layout(document: LawDocument) -> Layout:
    """The law in JavaScript."""
    return lay_out(document, "javascript", JAVASCRIPT, power="Math.pow(")


def needs_step(layout: Layout) -> bool:
    """Whether the formula has the step function, which JavaScript lacks."""
    return any(isinstance(node, Call) and node.op == "step" for node in walk(layout.document.expr))


def strings(names: Sequence[str]) -> str:
    """A list of strings."""
    return f"[{listed(names, 'javascript')}]"


def constant_sets(layout: Layout) -> list[str]:
    """The constants of every group, those of a target in a list of their own."""
    return [f"[{sets}]" for sets in layout.sets(exact_literal, "[", "]")]


_FORECAST = Template("""\
$heading

export const GROUPS = $groups;
export const TARGETS = $targets;
export const FEATURES = $features;
export const WEIGHTS = [$weights];

$step// of every law: its columns, its constants [group][target], and its value
const LAWS = [
$laws
];

/**
 * The average of the laws at one point.
 *
 * @param {Object<string, number>} columns a number for every one of FEATURES; further ones are ignored
 * @param {{group?: string, target?: string}} [of] which of GROUPS and TARGETS; needed where there are several
 * @returns {number}
 */
export function predict(columns, of = {}) {
$checks
  const group = place(of.group, GROUPS, "group"), target = place(of.target, TARGETS, "target");
  const said = LAWS.map(law => law.value(law.inputs.map(name => columns[name]), law.constants[group][target]));
  return Math.min(Math.max(average(said, $logs), $low), $high);
}

/** Weighted mean of values, or of their logarithms; one far from the median counts as less far. */
function average(said, logs) {
  const found = said
    .map((value, i) => [logs ? (value > 0 ? Math.log(value) : NaN) : value, WEIGHTS[i]])
    .filter(([value]) => Number.isFinite(value))
    .sort((a, b) => a[0] - b[0]);
  if (!found.length) return logs ? average(said, false) : NaN;
  const total = found.reduce((sum, [, share]) => sum + share, 0);
  const [low, middle, high] = [$quantiles].map(q => {
    let passed = 0;
    return (found.find(([, share]) => (passed += share) / total >= q - 1e-12) ?? found[found.length - 1])[0];
  });
  const reach = $reach * (high - low) / 2;
  const held = value => Math.min(Math.max(value, middle - reach), middle + reach);
  const mean = found.reduce((sum, [value, share]) => sum + share / total * held(value), 0);
  return logs ? Math.exp(mean) : mean;
}

$place
""")


def javascript_forecast(document: LawDocument) -> str:
    """Source of a module with a function `predict`."""
    ensemble = Ensemble.from_document(document)
    layouts, _ = laid_out(ensemble, javascript_layout, JAVASCRIPT)
    return _FORECAST.substitute(
        filled(ensemble, "//", "Infinity", ("false", "true")),
        groups=strings(document.groups), targets=strings(document.targets), features=strings(ensemble.inputs),
        step=f"{STEP}\n" if any(map(needs_step, layouts)) else "", laws=",\n".join(map(_law, layouts)),
        checks=CHECKS, place=PLACE,
    )  # fmt: skip


def _law(layout: Layout) -> str:
    names = ", ".join(layout.names[name] for name in layout.constants)
    constants = ", ".join(constant_sets(layout))
    return (f"  {{ inputs: {strings(layout.inputs)},\n    constants: [{constants}],\n"
            f"    value: ([{', '.join(layout.arguments)}], [{names}]) => {layout.text} }}")  # fmt: skip
