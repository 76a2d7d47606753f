"""Symbolic scaling-law discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discover._version import __version__

if TYPE_CHECKING:
    from discover.export.law import FittedLaw, load

__all__ = ["FittedLaw", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Parts of the interface are imported when they are first used, so that the command starts fast."""
    if name in ("FittedLaw", "load"):
        from discover.export import law

        return getattr(law, name)
    raise AttributeError(f"module 'discover' has no attribute {name!r}")
