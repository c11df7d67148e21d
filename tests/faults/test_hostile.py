"""Hostile and broken events: counted, kept to look at, bounded in memory, and never the end of the recorder."""

from __future__ import annotations

import base64
import json
import random
import tracemalloc
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deskq.history.reading.task_filter import TaskFilter
from deskq.protocol.events import LONGEST_TEXT, Event, MalformedEvent, decode_body, decode_redis_envelope
from deskq.recorder.tracking.queue_tracker import MAX_QUEUES
from deskq.recorder.tracking.worker_tracker import MAX_WORKERS, WorkerWatch
from tests.support.bench import NOW, Bench
from tests.support.flood import Feed, envelope, heartbeat, task_events
from tests.support.hostile import NUMBERS, TEXTS, nested, payload
from tests.support.recording import Recording
from tests.support.soak import rounds
from tests.support.soundness import assert_sound
from tests.support.waiting import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "h.sqlite")
    yield one
    one.close()


def decoded(raw: bytes) -> list[Event]:
    """The events of a delivery, none if it is malformed; anything else that is raised is a fault."""
    try:
        return decode_redis_envelope(raw)
    except MalformedEvent:
        return []


def decoded_body(raw: bytes) -> list[Event]:
    try:
        return decode_body(raw, None, None)
    except MalformedEvent:
        return []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TEXTS + NUMBERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(sorted({*task_events("x", 1)[0], *heartbeat(1), "result", "runtime", "exception", "signum"}))


@settings(max_examples=rounds(300, 3_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(names, json_values), st.sampled_from(["task-received", "task-failed", "worker-heartbeat", ""]))
def test_any_value_in_any_field(changes: dict[str, object], kind: str) -> None:
    body = {"timestamp": NOW, "uuid": "u", "hostname": "w", "pid": 1, "clock": 1, "type": kind, **changes}
    raw = json.dumps(body).encode()
    for event in decoded(envelope(body)) + decoded_body(raw):
        assert 0 <= event.timestamp < 1e11
        for text in (event.hostname, event.uuid, event.name, event.args, event.result):
            (text or "").encode()


@settings(max_examples=rounds(500, 5_000), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    body = base64.b64encode(raw).decode()
    outer = json.dumps({"body": body, "properties": {"body_encoding": "base64"}}).encode()
    assert decoded(raw) is not None
    assert decoded(outer) is not None
    assert decoded_body(raw) is not None


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"x" * 10_000_000, id="10 MB of no JSON"),
        pytest.param(nested(10_000), id="10,000 deep"),
        pytest.param(nested(1_000_000), id="a million deep"),
        pytest.param(envelope({"type": "task-sent", "timestamp": NOW, "uuid": "x" * 10_000_000}), id="10 MB of id"),
        pytest.param(envelope({"type": "worker-online", "timestamp": NOW, "hostname": "x" * 10_000_000}), id="of host"),
        pytest.param(envelope([0] * 1_000_000), id="a list of a million numbers"),
        pytest.param(envelope({"type": "task-sent", "timestamp": 10**400}), id="a timestamp of 400 digits"),
        pytest.param(b"x" * (17 * 1024 * 1024), id="more than is decoded"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_one_bad_delivery_is_one_row_with_its_bytes(bench: Bench, raw: bytes) -> None:
    bench.take([raw])
    assert (bench.pipeline.events, bench.pipeline.malformed) == (0, 1)
    (row,) = bench.reader.malformed()
    assert row.size == len(raw)
    assert row.raw == raw[:4_096]
    assert row.reason


@pytest.mark.timeout(120)
@pytest.mark.parametrize("encoding", ["punycode", "idna", "zlib_codec", "unicode_escape", "nul\x00", "x" * 1_000])
def test_an_encoding_that_may_take_hours_is_not_tried(encoding: str) -> None:
    with pytest.raises(MalformedEvent) as raised:
        decode_body(b"a" * 10_000_000, "application/json", encoding)
    assert "is not read" in raised.value.reason
    assert len(raised.value.reason) < 100


def test_long_arguments_are_cut_and_the_event_is_kept(bench: Bench) -> None:
    task = str(uuid.uuid4())
    bench.take([envelope(task_events(task, args="x" * 10_000_000))])
    row = bench.reader.task_row(task)
    assert row is not None
    assert row.state == "SUCCESS"
    assert len(row.args) == LONGEST_TEXT + 3
    assert row.args.endswith("...")


def test_large_records_do_not_fill_the_memory(bench: Bench) -> None:
    tracemalloc.start()
    try:
        for number in range(150):
            bench.take([envelope(task_events(str(uuid.uuid4()), 3 * number + 1, args="x" * 300_000))])
        bench.take([])
        assert tracemalloc.get_traced_memory()[0] < 20_000_000  # of 45 MB that passed through
    finally:
        tracemalloc.stop()
    assert bench.reader.counts().total == 150


@pytest.mark.timeout(600)
@pytest.mark.parametrize("field", ["name", "hostname", "queue"])
def test_ever_new_names(bench: Bench, field: str) -> None:
    """Of hosts and queues only so many are kept in mind; tasks may have any names."""
    many = rounds(25_000, 100_000)
    step = 5_000
    for first in range(0, many, step):
        if field == "hostname":
            batch = [envelope(heartbeat(1, hostname=f"w{number}@host")) for number in range(first, first + step)]
        else:
            batch = []
            for number in range(first, first + step):
                event = task_events(f"{number:08x}-0000-4000-8000-000000000000", number + 1, at=NOW)[0]
                batch.append(envelope({**event, "type": "task-sent", field: f"{field}{number}"}))
        bench.take(batch)
    assert len(bench.workers.workers) <= MAX_WORKERS
    assert len(bench.pipeline._queues._queues) <= MAX_QUEUES
    assert len(bench.pipeline._queues.names) <= MAX_QUEUES
    if field == "hostname":
        assert bench.workers.refused > many // 2
        assert len(bench.reader.workers()) <= MAX_WORKERS
    else:
        assert bench.reader.counts().total == many
    bench.read()


def test_a_reader_keeps_no_more_names_in_mind_than_it_may(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deskq.history.reading.read_connection.CACHED_TEXTS", 100)
    for first in range(0, 1_000, 200):
        batch = []
        for number in range(first, first + 200):
            name = f"name{number}" * (1 if number % 3 else 1_000)
            batch.append(envelope(task_events(str(uuid.UUID(int=number + 1)), 3 * number + 1, name=name)[0]))
        bench.take(batch)
        rows = bench.reader.tasks(TaskFilter(), limit=1_000)
        assert len({row.name for row in rows}) == first + 200
    assert len(bench.reader._texts) <= 101
    assert max(map(len, bench.reader._texts.values())) <= 1_000


def test_names_that_are_too_long_are_neither_worker_nor_queue(bench: Bench) -> None:
    event = task_events("00000000-0000-4000-8000-000000000001", 1, at=NOW)[0]
    sent = {**event, "type": "task-sent", "queue": "q" * 2_000}
    bench.take([envelope(heartbeat(1, hostname="w" * 2_000)), envelope(sent)])
    assert (bench.workers.workers, bench.workers.refused) == ({}, 1)
    assert bench.pipeline._queues.names == set()
    assert bench.reader.counts().total == 1


def test_workers_that_are_long_gone_make_room() -> None:
    watch = WorkerWatch()
    for number in range(MAX_WORKERS):
        (event,) = decode_redis_envelope(envelope(heartbeat(1, hostname=f"old{number}@host", at=NOW)))
        watch.worker_event(event, NOW + number / 1_000)
    watch.check(NOW + 3_600)
    (event,) = decode_redis_envelope(envelope(heartbeat(1, hostname="new@host", at=NOW)))
    watch.worker_event(event, NOW + 3_600)
    assert watch.online() == ["new@host"]
    assert watch.refused == 0
    assert "old0@host" in watch.take_forgotten()
    assert all(row.hostname != "old0@host" for row in watch.take_changed())


def test_a_real_recorder_survives_it(redis_url: str) -> None:
    chance = random.Random(3)
    with Feed(redis_url) as feed, Recording(redis_url) as recording:
        for _ in range(20):
            feed.raw([payload(chance) for _ in range(100)])
        feed.raw([nested(10_000), b"\x00" * 100, envelope({"type": "task-sent"})])
        task = str(uuid.uuid4())
        feed.send(task_events(task))
        recording.wait_for_state(task, "SUCCESS")
        wait_until(lambda: recording.status().malformed > 50, 10, "the count")
        assert recording.reader.malformed()[0].reason
        recording.stop()
        assert_sound(recording.history)
