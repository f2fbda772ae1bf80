"""`python -m msgreen` is the program `msgreen`."""

import sys

from msgreen.cli import main

if __name__ == "__main__":
    sys.exit(main())
