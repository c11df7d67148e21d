"""Whatever order Celery's processes can tell it in: what happened to a task is what its summary says."""

from __future__ import annotations

import os
from random import Random
from typing import Final

import pytest

from deskq.protocol.task_summary import derive
from tests.support.wires import Wire

HISTORIES: Final = 20_000 if os.environ.get("DESKQ_SOAK") else 2_000
PARTS: Final = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_the_summary_tells_what_happened(part: int) -> None:
    for seed in range(part, HISTORIES, PARTS):
        check(seed)


def check(seed: int) -> None:
    """Make one history and compare all that its summary tells with the truth."""
    random = Random(seed)
    wire = Wire(random)
    truth = wire.truth
    summary = derive(wire.record())
    told = (summary.state, summary.name, summary.args, summary.retries, summary.worker, summary.finished)
    assert told == (truth.state, truth.name, truth.args, truth.retries, truth.worker, truth.finished), seed
    assert summary.exception == truth.exception, seed
    if truth.state == "SUCCESS":
        assert summary.runtime == truth.runtime, seed
        assert summary.result == f"'{wire.runs.index(truth)}'", seed
    if truth.vague:
        assert summary.started in wire.starts_of(truth), seed
    else:
        assert summary.started == truth.started, seed
    shuffled = wire.events * 2
    random.shuffle(shuffled)
    again = wire.record(shuffled)
    assert again == wire.record(), seed
    assert derive(again) == summary, seed
    half = len(shuffled) // 2
    parts = [wire.record(shuffled[:half]), wire.record(shuffled[half:])]
    parts[0].merge(parts[1])
    assert parts[0] == again, seed
