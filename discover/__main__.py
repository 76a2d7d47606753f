"""`python -m discover` is the command `discover`."""

import sys

from discover.cli import main

if __name__ == "__main__":
    sys.exit(main())
