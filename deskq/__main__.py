"""The program's entry point: ``deskq`` and ``python -m deskq``."""

from __future__ import annotations

import sys

from deskq.cli import main

if __name__ == "__main__":
    sys.exit(main())
