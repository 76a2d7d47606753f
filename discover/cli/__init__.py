"""The command `discover`: one small module per family of commands, imported when its command runs."""

from discover.cli.app import main

__all__ = ["main"]
