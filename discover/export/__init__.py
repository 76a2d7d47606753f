"""Export: a law document in the form that another tool takes, and as a Python object."""

from discover.export.law import FittedLaw, load
from discover.export.targets import TARGETS, Target, export, file_name, targets
from discover.files import write_whole
from discover.fitting.document import from_fit
from discover.law.document import LawDocument
from discover.law.storage import read, write

__all__ = [
    "TARGETS", "FittedLaw", "LawDocument", "Target", "export", "file_name", "from_fit", "load", "read", "targets",
    "write", "write_whole",
]  # fmt: skip
