"""JavaScript: an ES module without dependencies, for Node, Deno and browsers."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from discover.export.identifiers import JAVASCRIPT, quoted
from discover.export.layout import Layout, exact_literal, lay_out
from discover.expressions import walk
from discover.expressions.tree import Call
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
    return f"[{', '.join(quoted(name, 'javascript') for name in names)}]"


def constant_sets(layout: Layout) -> list[str]:
    """The constants of every group, those of a target in a list of their own."""
    document, groups = layout.document, []
    for group in document.groups:
        sets = [document.constant_set(group, target).values for target in document.targets]
        rows = ("[" + ", ".join(exact_literal(values[name]) for name in layout.constants) + "]" for values in sets)
        groups.append(f"[{', '.join(rows)}]")
    return groups
