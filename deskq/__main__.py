"""The program's entry point: ``deskq`` and ``python -m deskq``."""

from __future__ import annotations

import sys
from pathlib import Path

from deskq.cli import main


def _leave_present_folder() -> None:
    """``python -m`` puts it first, where a ``celery.py`` would be taken for Celery; deskq's own source may stay."""
    present = Path.cwd().resolve()
    put_first = not sys.flags.safe_path and bool(sys.path) and Path(sys.path[0]).resolve() == present
    if put_first and Path(__file__).resolve().parents[1] != present:
        del sys.path[0]


if __name__ == "__main__":
    _leave_present_folder()
    sys.exit(main())
