"""Charts and counts: the same for any order of events and any split into commits, and for a file of an older format."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.history.writing.counters import Counters, contribution
from deskq.history.writing.retention import Retention
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from deskq.protocol.task_record import MOST_OBSERVATIONS
from deskq.protocol.task_summary import derive
from tests.unit.history.test_history import NOW, add_task, uuid_of

Told = dict[str, Any]


def told(history: History) -> Told:
    """All that is counted, by the names of states and tasks; what counts nothing is left out."""
    connection = history.connection
    texts = dict(connection.execute("SELECT id, text FROM texts"))
    return {
        "rates": sorted(row for row in connection.execute("SELECT * FROM rates") if any(row[1:])),
        "runtimes": sorted(connection.execute("SELECT * FROM runtimes")),
        "task_runtimes": sorted(
            (at, texts[name], number, n)
            for at, name, number, n in connection.execute("SELECT at, name_id, bin, n FROM task_runtimes")
        ),
        "states": {texts[state]: n for state, n in connection.execute("SELECT * FROM state_counts WHERE n <> 0")},
    }


def recounted(history: History) -> Told:
    """The same from nothing, by each task's record."""
    tallies = Counters()
    for (uuid,) in history.connection.execute("SELECT uuid FROM tasks"):
        text = uuid if isinstance(uuid, str) else f"{uuid.hex()[:8]}-0000-4000-8000-{uuid.hex()[-12:]}"
        tallies.count(("", "", None, None, None, ()), contribution(derive(history.peek(text, NOW))))
    return {
        "rates": sorted((int(slot) * 10, *counts) for slot, counts in tallies._rates.items()),
        "runtimes": sorted((int(slot) * 10, number, n) for (slot, number), n in tallies._runtimes.items()),
        "task_runtimes": sorted(
            (int(hour) * 3_600, name, number, n) for (hour, name, number), n in tallies._task_runtimes.items()
        ),
        "states": dict(tallies._states),
    }


def retried_on_two_workers(uuid: str, at: float, *, runtime: float = 1.0) -> list[Event]:
    """Received and started on a, which asks for a retry; done on b."""
    a: dict[str, Any] = {"uuid": uuid, "hostname": "a", "pid": 1}
    b: dict[str, Any] = {"uuid": uuid, "hostname": "b", "pid": 2}
    return [
        Event(type="task-received", timestamp=at, clock=1, name="mail.send", retries=0, **a),
        Event(type="task-started", timestamp=at + 1, clock=2, **a),
        Event(type="task-retried", timestamp=at + 2, clock=3, exception="ValueError()", **a),
        Event(type="task-received", timestamp=at + 20, clock=11, name="mail.send", retries=1, **b),
        Event(type="task-started", timestamp=at + 21, clock=12, **b),
        Event(type="task-succeeded", timestamp=at + 22, clock=13, runtime=runtime, result="1", **b),
    ]


def commit(history: History, batches: Sequence[Sequence[Event]], *, forgetful: bool = False) -> Told:
    for batch in batches:
        for event in batch:
            assert event.uuid is not None
            history.record(event.uuid, NOW).add(event)
        history.commit(NOW)
        if forgetful:  # as when many other tasks came meanwhile: what the file holds is read again
            history._kept.clear()
    return told(history)


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_retry_is_counted_where_it_was_whatever_comes_first(tmp_path: Path, forgetful: bool) -> None:
    """The events of the worker that asked for the retry may come after those of the one that did it."""
    first, second = (retried_on_two_workers(uuid_of(1), NOW)[part] for part in (slice(3), slice(3, 6)))
    found = []
    for number, batches in enumerate(([first, second], [first + second], [second, first])):
        history = History(tmp_path / f"{number}.sqlite")
        found.append(commit(history, batches, forgetful=forgetful))
        history.close()
    assert found[0]["rates"] == [(int(NOW), 1, 0, 0, 1), (int(NOW) + 20, 1, 1, 0, 0)]
    assert [n for *_, n in found[0]["runtimes"]] == [1]
    assert [(name, n) for _, name, _, n in found[0]["task_runtimes"]] == [("mail.send", 1)]
    assert found[0]["states"] == {"SUCCESS": 1}
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_a_name_that_comes_after_the_end_gets_its_runtime(tmp_path: Path) -> None:
    events = retried_on_two_workers(uuid_of(1), NOW)[3:]
    history = History(tmp_path / "history.sqlite")
    found = commit(history, [[events[2]], events[:2]])
    assert [(name, n) for _, name, _, n in found["task_runtimes"]] == [("mail.send", 1)]
    history.close()


KINDS = ("sent", "received", "started", "succeeded", "failed", "retried", "rejected", "revoked", "progress")


@st.composite
def events_of_tasks(draw: st.DrawFn) -> list[Event]:
    """Events of up to three tasks on two workers, possible ones and others; times in a few slots and hours."""
    events = []
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=14)):
        fields: dict[str, Any] = {}
        if kind in ("sent", "received"):
            fields = {"name": draw(st.sampled_from(["mail.send", "", "x"])), "retries": draw(st.integers(0, 2))}
        if kind == "succeeded":
            fields = {"runtime": draw(st.sampled_from([None, 0.0, 0.5, 3.0])), "result": "1"}
        if kind in ("failed", "retried"):
            fields = {"exception": "ValueError()"}
        at = NOW + draw(st.sampled_from([0, 0.5, 3, 9, 11, 25, 3_601]))
        worker = draw(st.integers(1, 2))
        events.append(
            Event(
                type=f"task-{kind}",
                timestamp=at,
                clock=draw(st.integers(1, 8)),
                uuid=uuid_of(draw(st.integers(1, 3))),
                hostname=f"w{worker}",
                pid=worker,
                **fields,
            )
        )
    return events


@settings(max_examples=150, deadline=None)
@given(events=events_of_tasks(), data=st.data())
def test_counts_depend_on_no_order_and_no_split(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("tallies")
    names = count()

    def counted(batches: list[list[Event]], *, forgetful: bool = False) -> Told:
        history = History(folder / f"{next(names)}.sqlite")
        found = commit(history, batches, forgetful=forgetful)
        assert found == recounted(history)
        history.close()
        return found

    expected = counted([events])
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=3))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    batches = [shuffled[one:other] for one, other in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    assert counted(batches, forgetful=data.draw(st.booleans())) == expected
    shutil.rmtree(folder)


def test_what_a_full_record_drops_stays_counted(tmp_path: Path) -> None:
    """A task that polls by retrying itself: its record keeps the first and the last, the charts keep all."""
    history = History(tmp_path / "history.sqlite")
    retries = MOST_OBSERVATIONS
    for number in range(retries):
        common: dict[str, Any] = {"uuid": uuid_of(1), "hostname": "w1", "pid": 1}
        at = NOW + 10 * number
        commit(
            history,
            [
                [
                    Event(type="task-received", timestamp=at, clock=3 * number, name="x", retries=number, **common),
                    Event(type="task-started", timestamp=at + 1, clock=3 * number + 1, **common),
                    Event(type="task-retried", timestamp=at + 2, clock=3 * number + 2, exception="E()", **common),
                ]
            ],
            forgetful=number % 100 == 0,
        )
    assert told(history)["rates"] == [(int(NOW) + 10 * number, 1, 0, 0, 1) for number in range(retries)]
    history.close()


def test_a_task_that_is_deleted_while_it_is_held_counts_once(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    events = retried_on_two_workers(uuid_of(1), NOW)
    commit(history, [events[:4]])
    for event in events[4:]:
        history.record(uuid_of(1), NOW).add(event)
    retention = Retention(history, 1, 1, 0)
    retention._next_trim = NOW + 2 * 86_400 + 30  # the charts are not what is deleted here
    while retention.step(NOW + 2 * 86_400):
        pass
    assert told(history)["states"] == {}
    found = commit(history, [[]])
    assert found["rates"] == [(int(NOW), 1, 0, 0, 1), (int(NOW) + 20, 1, 1, 0, 0)]
    assert found["states"] == {"SUCCESS": 1}
    history.close()


def older(path: Path) -> None:
    """Make it a file of format 2, with what that counted where events came in another order."""
    connection = apsw.Connection(str(path))
    connection.execute("ALTER TABLE tasks DROP COLUMN counted")
    connection.execute("UPDATE rates SET received = received + 1, succeeded = 0, retried = 0")
    connection.execute("UPDATE runtimes SET n = n + 1; UPDATE state_counts SET n = n + 5")
    connection.execute("PRAGMA user_version = 2")
    connection.close()


def filled(path: Path) -> Told:
    history = History(path)
    for number in range(1, 301):
        add_task(history, number, state="failed" if number % 5 == 0 else "succeeded", name=f"mod.task{number % 3}")
    for number in range(301, 331):
        for event in retried_on_two_workers(uuid_of(number), NOW + number):
            history.record(uuid_of(number), NOW + number).add(event)
    history.commit(NOW)
    found = told(history)
    history.close()
    return found


def test_a_file_of_format_2_is_counted_again(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    expected = filled(path)
    older(path)
    history = History(path)
    assert told(history) == expected == recounted(history)
    late = retried_on_two_workers(uuid_of(310), NOW + 310)[-1]  # known already
    assert commit(history, [[late]]) == expected
    history.close()
    assert path.with_name("history.sqlite.v2.backup").exists()


def test_what_deleted_tasks_counted_for_stays_through_an_upgrade(tmp_path: Path) -> None:
    """Of the time when nothing is missing the counts are made again; before it they are left as they are."""
    path = tmp_path / "history.sqlite"
    history = History(path)
    for number in (*range(1, 51), *range(20_001, 20_051)):  # the second half some hours later
        add_task(history, number)
    history.commit(NOW)
    expected = told(history)
    history.connection.execute("DELETE FROM tasks WHERE id <= 30")
    history.close()
    older(path)
    history = History(path)
    found = told(history)
    late = int(NOW) + 15_000
    for table in ("rates", "runtimes", "task_runtimes"):
        assert [row for row in found[table] if row[0] > late] == [row for row in expected[table] if row[0] > late]
    assert [row[1] - 1 for row in found["rates"] if row[0] < late] == [
        row[1] for row in expected["rates"] if row[0] < late
    ]
    assert found["states"] == {"SUCCESS": 70}
    history.close()
