"""`python -m kernelet` is the command line."""

import sys

from kernelet.cli import main

if __name__ == "__main__":
    sys.exit(main())
