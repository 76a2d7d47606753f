"""Export: a law document in the form that another tool takes, and as a Python object."""

from discover.documents import LawDocument, from_fit, read, write, write_whole
from discover.export.law import FittedLaw, load
from discover.export.targets import TARGETS, Target, export, file_name

__all__ = [
    "TARGETS", "FittedLaw", "LawDocument", "Target", "export", "file_name", "from_fit", "load", "read", "write",
    "write_whole",
]  # fmt: skip
