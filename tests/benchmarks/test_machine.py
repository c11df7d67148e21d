"""How fast this machine is just now: decoding alone, where 220,000 events/s are what the goals were set by."""

from __future__ import annotations

import time

from deskq.protocol.events import decode_redis_envelope
from tests.benchmarks.feed import envelope, events_of
from tests.benchmarks.figures import Figures

REFERENCE = 220_000


def test_machine(figures: Figures) -> None:
    payloads = [envelope(body) for number in range(10_000) for body in events_of(number, 1_795_000_000.5)]
    began = time.process_time()
    for payload in payloads:
        decode_redis_envelope(payload)
    speed = len(payloads) / (time.process_time() - began)
    figures.note("this machine: envelope and event decoded", speed, "events/s CPU")
    figures.note("this machine against the one of the goals", speed / REFERENCE, "")
