"""A connection that ends at once is followed by a pause, one that lasted by none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deskq.recorder import backoff
from deskq.recorder.backoff import LASTING_SECONDS, PAUSES, Backoff, pause_after


def test_pauses_grow_while_connections_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(backoff, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    found = Backoff()
    found.connected()
    clock[0] += LASTING_SECONDS
    assert found.after_loss() == 0.0
    pauses = []
    for _ in range(6):
        found.connected()
        clock[0] += 0.01
        pauses.append(found.after_loss())
    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    found.connected()
    clock[0] += LASTING_SECONDS + 1
    assert found.after_loss() == 0.0
    found.connected()
    assert found.after_loss() == PAUSES[0]


def test_the_last_pause_stays() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 4, 5, 99)] == [*PAUSES, PAUSES[-1], PAUSES[-1]]
