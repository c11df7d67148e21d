"""Python looks for unreachable cycles seldom in a recorder: its records are many, and none of them is part of one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_THRESHOLDS: Final = (100_000, 20, 50)
"""Of gc: a batch of events makes some 20,000 tuples, which with Python's own (700, 10, 10) are looked through again
and again, for a tenth of the recorder's time."""


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """While a recorder runs. What the program's start has made lives as long as it: it is not looked through again."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
