"""A reader that stood still is known for some seconds, by when it last read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deskq.brokers.read_stall import ReadStallClock


def test_standing_still_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("deskq.brokers.read_stall.time", SimpleNamespace(time=lambda: clock[0]))
    monkeypatch.setattr("deskq.brokers.read_stall.awake_or_not", lambda: clock[0])
    pace = ReadStallClock()
    for at, allowed, expected in (
        (1_000.1, 0.1, None),  # a read as always
        (1_005.1, 5.0, None),  # one that was allowed to wait so long
        (1_008.1, 0.1, (1_005.1, 1_008.1)),  # one that was not
        (1_008.2, 0.1, (1_005.1, 1_008.1)),
        (1_010.2, 0.1, (1_005.1, 1_010.2)),  # and stood still again soon after
        (1_010.3, 0.1, (1_005.1, 1_010.2)),
    ):
        clock[0] = at
        pace.tick(allowed)
        assert pace.stood_still() == expected
    clock[0] = 1_021.0
    assert pace.stood_still() is None


@pytest.mark.parametrize("step", [3_600.0, -3_600.0])
def test_a_clock_that_is_set_is_no_standstill(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr("deskq.brokers.read_stall.time", SimpleNamespace(time=lambda: clock[0]))
    monkeypatch.setattr("deskq.brokers.read_stall.awake_or_not", lambda: 50.0)
    pace = ReadStallClock()
    clock[0] += step
    pace.tick(0.1)
    assert pace.stood_still() is None
