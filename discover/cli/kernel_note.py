"""Says beforehand that the fitting kernel must be compiled, so that nobody takes the pause for a hang."""

from __future__ import annotations

from discover.cli.output import note


def compile_kernel() -> None:
    """Compiles the kernel if that was never done, with a line to stderr, before worker processes would wait for it."""
    from discover.fitting.compilation import ensure_compiled, is_compiled

    if not is_compiled():
        note("compiling the fitting kernel, once; this takes about half a minute")
        ensure_compiled()
