"""How often the loops of the fault tests go round: a few times in `make test`, many times in `make soak`."""

from __future__ import annotations

import os


def rounds(short: int, full: int) -> int:
    """`full` where the environment says DESKQ_SOAK=1, else `short`."""
    return full if os.environ.get("DESKQ_SOAK") == "1" else short
