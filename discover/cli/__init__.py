"""The command `discover`: one small module per family of commands, imported when its command runs."""

import os

# Before NumPy is imported, here and in worker processes: matrices are small, and threads of linear algebra that wait
# for each other cost more than they save, a hundred times the work itself where other programs compute as well.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from discover.cli.app import main  # noqa: E402

__all__ = ["main"]
