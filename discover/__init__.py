"""Symbolic scaling-law discovery."""
from discover._version import __version__

__all__ = ["__version__"]
