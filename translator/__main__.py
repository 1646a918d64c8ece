"""`translator` and `python -m translator`: run the command line, and turn every expected fault into one clear sentence."""

import sys

from translator.cli.app import run

main = run

if __name__ == "__main__":
    sys.exit(main())
