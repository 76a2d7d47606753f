"""What keeps a release from being made."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

RELEASE = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "release"))


def test_version_is_read_from_its_module() -> None:
    assert RELEASE["version_of"]('__version__ = "1.2.3rc1"\n') == "1.2.3rc1"
    with pytest.raises(SystemExit, match=r"sets no __version__"):
        RELEASE["version_of"]('__version__ = "next"\n')


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        ("## Unreleased\n\n- new\n", "has no section 1.2.0"),
        ("## 1.2.0 (2026-12-01)\n\n### Added\n", "section 1.2.0 has no entry"),
        ("## Unreleased\n\n- late\n\n## 1.2.0\n\n- new\n", "section Unreleased has entries"),
        ("## Unreleased\n\n## 1.2.0 (2026-12-01)\n\n### Added\n\n- new\n\n## 1.1.0\n\n- old\n", None),
    ],
)
def test_changelog_must_tell_of_the_version(sections: str, fault: str | None) -> None:
    faults = RELEASE["changelog_faults"]("# Changelog\n\n" + sections, "1.2.0")
    assert len(faults) == (fault is not None)
    assert fault is None or fault in faults[0]
