"""What the law leaves over: predicted against measured, and residuals."""

from __future__ import annotations

import numpy as np

from discover.arrays import Floats
from discover.data.table import Table
from discover.report.axes import axis_title, feature_axis, few, ordered, rows_of, tables_of, target_axis
from discover.report.content import Content
from discover.report.figures import Axis, Figure, Gallery, Role, Series, gallery


def parity_gallery(content: Content) -> Gallery | None:
    """Measured values against what the law says, all groups together."""
    figures = []
    grouped = content.train.n_groups > 1
    for t, target in enumerate(content.document.targets):
        series = []
        ends: list[float] = []
        for role, table in tables_of(content).items():
            law = content.fit.predict(table.features, table.group)[:, t]
            series += _by_group(content, table, role, law, table.targets[:, t], t)
            ends += [
                float(law.min()),
                float(law.max()),
                float(table.targets[:, t].min()),
                float(table.targets[:, t].max()),
            ]
        line = np.array([min(ends), max(ends)])
        series.append(Series("line", "measured as predicted", "rule", line, line, dash=1))
        title = axis_title(content, target)
        log = target_axis(content, t).log and min(ends) > 0
        figures.append(
            Figure(
                key=f"parity-{t}",
                label=target if len(content.document.targets) > 1 else "",
                caption=f"Measured against predicted {target}, all {'groups' if grouped else 'rows'}.",
                x=Axis(f"predicted {title}", log),
                y=Axis(f"measured {title}", log),
                series=ordered(series),
            )
        )
    return gallery("parity", figures, alike=True)


FEW_GROUPS = 8  # that are told apart by colour


def _by_group(content: Content, table: Table, role: Role, x: Floats, y: Floats, target: int) -> list[Series]:
    """Rows as points, each of a few groups in its own colour."""
    coloured = 1 < table.n_groups <= FEW_GROUPS
    found = []
    for group in range(table.n_groups) if coloured else (None,):
        mask = few(np.ones(len(table), bool) if group is None else table.group == group)
        if not mask.any():
            continue
        name = f"{role} rows" if group is None else table.group_names[group]
        name = f"{name}, sealed" if group is not None and role == "sealed" else name
        hover = rows_of(content, table, mask, target)
        found.append(Series("points", name, role, x[mask], y[mask], hover=hover, group=group))
    return found


def relative(content: Content) -> bool:
    """Whether residuals are told in per cent: all measured and predicted values are positive."""
    for table in tables_of(content).values():
        law = content.fit.predict(table.features, table.group)
        if (table.targets <= 0).any() or (law <= 0).any():
            return False
    return True


def residual_gallery(content: Content) -> Gallery | None:
    """What the law leaves over, against every column, and by group."""
    scaled = relative(content)
    title = "measured above the law (%)" if scaled else "measured minus law"
    figures = []
    for t in range(content.train.n_targets):
        for name in content.train.features:
            figures.append(_residual_figure(content, t, name, feature_axis(content, name), title, scaled))
        if content.train.n_groups > 1:
            figures.append(_residual_figure(content, t, None, _group_axis(content), title, scaled))
    return gallery("residuals", figures, alike=True)


def _group_axis(content: Content) -> Axis:
    groups = content.document.groups
    ticks = tuple((float(i), group) for i, group in enumerate(groups)) if len(groups) <= FEW_GROUPS else ()
    heading = content.document.group_column or "group"
    return Axis(heading if ticks else f"{heading}, in the order of the table", ticks=ticks)


def _residual_figure(content: Content, target: int, name: str | None, axis: Axis, title: str, scaled: bool) -> Figure:
    series = []
    ends: list[float] = []
    for role, table in tables_of(content).items():
        law = content.fit.predict(table.features, table.group)
        left = (table.targets / law - 1) * 100 if scaled else table.targets - law
        x = table.group.astype(np.float64) if name is None else table.features[name]
        series += _by_group(content, table, role, x, left[:, target], target)
        ends += [float(x.min()), float(x.max())]
    zero = np.array([min(ends), max(ends)])
    series.append(Series("line", "no residual", "rule", zero, np.zeros(2), legend=False))
    against = name or content.document.group_column or "group"
    several = content.train.n_targets > 1
    of = f" of {content.document.targets[target]}" if several else ""
    return Figure(
        key=f"residuals-{target}-{against}",
        label=f"{content.document.targets[target]} against {against}" if several else against,
        caption=f"What the law leaves over{of}, against {against}.",
        x=axis,
        y=Axis(title.replace("measured", content.document.targets[target], 1) if several else title),
        series=ordered(series),
    )
