"""What others reached on the shipped tasks: figures in files beside the tasks, for comparison only."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from discover.data.resources import tasks_folder
from discover.data.tomls import Strict, load_model


class Standing(Strict):
    """Figures of one task, all R2 on its sealed rows.

    Attributes:
        human: the human law with its published constants.
        mean: the best mean over several runs of any one system.
        run: the best single run of any system.
        note: what should be known of them.
    """

    human: float | None = None
    mean: float | None = None
    run: float | None = None
    note: str = ""


class OverallStanding(Strict):
    """What one system reached in the mean over all tasks.

    Attributes:
        label: the system.
        mean: of the tasks' R2.
        sd: standard deviation between replicates, if there were several.
        note: what should be known of it.
    """

    label: str
    mean: float
    sd: float | None = None
    note: str = ""


class Standings(Strict):
    """One file: figures published for a set of tasks.

    Attributes:
        title: name of the benchmark.
        source: where the figures were published.
        overall: means over all its tasks.
        tasks: figures by task name.
    """

    title: str
    source: str
    overall: tuple[OverallStanding, ...] = ()
    tasks: dict[str, Standing] = Field(default_factory=dict)


def load_standings() -> tuple[Standings, ...]:
    """All files of published figures, which are shipped beside the tasks."""
    return tuple(load_model(Standings, path) for path in sorted((tasks_folder() / "records").glob("*.toml")))


def standing_of(task: str, standings: Collection[Standings]) -> Standing:
    """The figures of a task; empty if none were published."""
    return next((item.tasks[task] for item in standings if task in item.tasks), Standing())
