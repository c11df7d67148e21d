"""Runtime percentiles from logarithmic bins: bins of equal ratio merge by addition and err by at most 1 %."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

WIDTH: Final = 1.02
"""The ratio of a bin's bounds: its middle errs by at most 1 %."""
_LOG_WIDTH: Final = math.log(WIDTH)
_SHORTEST: Final = 1e-6


def bin_of(runtime: float) -> int:
    """Return the bin of a runtime in seconds; anything below a microsecond counts as one."""
    return math.ceil(math.log(max(runtime, _SHORTEST)) / _LOG_WIDTH)


def middle_of(number: int) -> float:
    """Return the runtime, in seconds, that stands for a bin."""
    return 2 * math.exp(number * _LOG_WIDTH) / (1 + WIDTH)


def merged(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    """Return the bins of both together; the order in which any number of them is merged does not matter."""
    result = dict(one)
    for number, n in other.items():
        result[number] = result.get(number, 0) + n
    return result


def percentile(bins: Mapping[int, int], share: float) -> float:
    """Return the runtime below which ``share`` (0 to 1) of the counted tasks lie; 0.0 if nothing was counted."""
    total = sum(bins.values())
    rank = share * (total - 1)
    passed = 0
    for number in sorted(bins):
        passed += bins[number]
        if passed > rank:
            return middle_of(number)
    return 0.0
