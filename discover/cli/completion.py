"""What the shell offers behind the Tab key: names of shipped tasks and published laws, beside files.

Where nothing of this begins as the word does, the shell completes the names of files and folders by itself.
"""

from __future__ import annotations

from pathlib import Path


def tasks_and_tables(incomplete: str) -> list[str]:
    """Shipped tasks, and the tables and task files of the current folder."""
    from discover.data.files import SUFFIXES
    from discover.data.tasks import list_tasks

    files = sorted(path.name for path in Path().glob("*") if path.suffix.lower() in (*SUFFIXES, ".toml"))
    return [name for name in (*list_tasks(), *files) if name.startswith(incomplete)]


def task_names(incomplete: str) -> list[str]:
    """Shipped tasks."""
    from discover.data.tasks import list_tasks

    return [name for name in list_tasks() if name.startswith(incomplete)]


def law_names(incomplete: str) -> list[str]:
    """Published laws."""
    from discover.law import load_library

    return [name for name in load_library() if name.startswith(incomplete)]


def laws_with_constants(incomplete: str) -> list[str]:
    """Published laws whose papers give constants; of a word that has begun only, as run folders are usual here."""
    from discover.law import load_library

    return [
        name for name, law in load_library().items() if incomplete and law.published and name.startswith(incomplete)
    ]


def export_targets(incomplete: str) -> list[str]:
    """What a law is exported to."""
    from discover.export import TARGETS

    return [name for name in TARGETS if name.startswith(incomplete)]
