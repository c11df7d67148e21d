"""How long a loop runs: short in every test run, in full when the soak is asked for."""

from __future__ import annotations

import os


def rounds(short: int, full: int) -> int:
    """Return ``full`` where DESKQ_SOAK=1, else ``short``."""
    return full if os.environ.get("DESKQ_SOAK") == "1" else short
