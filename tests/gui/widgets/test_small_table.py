"""The table of few rows: any list follows any other, the selection stays with its row, and Qt's rules are kept."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from deskq.history.rows import QueueRow, WorkerRow
from deskq.models.broker_tree import BrokerTree, KindRole, NoteRole
from deskq.models.table.columns import Column, RowRole
from deskq.models.table.model import TableModel
from deskq.models.tasks.detail import arguments_model, read_detail
from deskq.models.workers.inspect_tree import held_tasks, started_at, tree_model
from deskq.views.queues.columns import queue_columns
from deskq.views.workers.columns import WORKER_COLUMNS
from tests.gui.conftest import Recorded, Run, until

Row = tuple[str, int]
COLUMNS = (
    Column[Row]("name", "Name", "", lambda row: row[0]),
    Column[Row]("count", "Count", "", lambda row: str(row[1]), lambda row: row[1], numeric=True),
)
_FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.mark.parametrize("descending", [False, True])
def test_any_list_follows_any_other(qapp: QApplication, descending: bool) -> None:
    dice = random.Random(3)
    model = TableModel(COLUMNS, key=lambda row: row[0], sort="count", descending=descending)
    tester = QAbstractItemModelTester(model, _FATAL)
    for _ in range(60):
        names = dice.sample("abcdefghij", k=dice.randrange(0, 10))
        rows = [(name, dice.randrange(5)) for name in names]
        kept = {row[0]: QPersistentModelIndex(model.index(line, 0)) for line, row in enumerate(model.rows())}
        model.replace(rows)
        assert sorted(model.rows()) == sorted(rows)
        counts = [row[1] for row in model.rows()]
        assert counts == sorted(counts, reverse=descending)
        for name, index in kept.items():
            assert index.isValid() == (name in names)
            if index.isValid():
                assert index.data(RowRole)[0] == name
    assert tester is not None


def test_a_filter_hides_and_shows(qapp: QApplication) -> None:
    model = TableModel(COLUMNS, key=lambda row: row[0], sort="name")
    model.replace([("b", 1), ("a", 2), ("c", 3)])
    model.keep_only(lambda row: row[1] > 1)
    assert model.rows() == [("a", 2), ("c", 3)]
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert model.rows() == [("c", 3), ("a", 2)]
    model.keep_only(None)
    assert model.line_of("b") == 2


def test_queues_and_workers_with_everything_unknown(qapp: QApplication) -> None:
    queue = QueueRow("q\u202e<b>", None, None, None, None, None, None, None, 0.0, False)
    queues = TableModel(queue_columns(lambda _: None), key=lambda row: row.name)
    workers = TableModel(WORKER_COLUMNS, key=lambda row: row.hostname)
    testers = [QAbstractItemModelTester(queues, _FATAL), QAbstractItemModelTester(workers, _FATAL)]
    queues.replace([queue])
    workers.replace([WorkerRow("w", False, 0.0, 0.0)])
    assert queues.index(0, 0).data() == "q⟨U+202E⟩<b>"
    assert [queues.index(0, column).data() for column in range(1, 7)] == ["–"] * 6
    assert workers.index(0, 1).data().startswith("Offline")
    workers.replace([WorkerRow("w", True, 0.0, 0.0)])
    assert workers.index(0, 1).data() == "Online"
    assert len(testers) == 2


def test_the_tree_of_brokers(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        rows = [QueueRow(f"q{n}", n, 0, n, None, None, None, None, 0.0, n == 0) for n in range(4)]
        recorded.history.put_queues(rows, [])
        session = recorded.session()
        session.start()
        tree = BrokerTree()
        tester = QAbstractItemModelTester(tree, _FATAL)
        tree.add(session)
        await until(lambda: tree.index_of("shop", "queue", "q3").data() == "q3")
        assert tree.index_of("shop", "queue", "q3").data(NoteRole) == "3"
        recorded.history.drop_queues(["q1"])
        recorded.history.put_queues([QueueRow("q5", 9, 0, 1, None, None, None, None, 0.0, False)], [])
        await until(lambda: tree.index_of("shop", "queue", "q5").data(NoteRole) == "9")
        queues = tree.index_of("shop", "queues")
        assert [tree.index(row, 0, queues).data() for row in range(tree.rowCount(queues))] == ["q0", "q2", "q3", "q5"]
        assert queues.data(KindRole) == "queues"
        tree.remove("shop")
        assert tree.rowCount() == 0
        assert tester is not None
        await session.stop()

    run(scenario())


def test_arguments_as_a_tree_and_what_does_not_parse_as_it_came(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        recorded.tell("a", "received", args="([{'sku': 1}], 'x')", kwargs="{'n': ...}", retries=0)
        recorded.tell("b", "received", args="(<Order: 7>,)", kwargs="{}", retries=0)
        recorded.history.commit(0)
        session = recorded.session()
        parsed = await session.ask(lambda reader: read_detail(reader, "a"), slot="a")
        opaque = await session.ask(lambda reader: read_detail(reader, "b"), slot="b")
        assert parsed is not None
        assert opaque is not None
        model = arguments_model(parsed)
        tester = QAbstractItemModelTester(model, _FATAL)
        assert model.index(0, 1).data() == "2 items"
        first_item = model.index(0, 0, model.index(0, 0, model.index(0, 0)))
        assert (first_item.data(), model.index(0, 0, first_item).data()) == ("0", "sku")
        assert model.index(1, 1).data() == "1 key · cut by the worker"
        assert arguments_model(opaque).index(0, 1).data() == "(<Order: 7>,)"
        assert tester is not None
        await session.stop()

    run(scenario())


def test_what_workers_answer() -> None:
    active = [
        {"id": "u", "name": "t", "args": [1], "kwargs": {}, "time_start": 1_795_000_000.5, "worker_pid": 7},
        "junk",
    ]
    (held,) = held_tasks(active)
    assert (held.uuid, held.name, held.started, held.pid) == ("u", "t", 1_795_000_000.5, 7)
    (waiting,) = held_tasks([{"eta": "2026-01-01", "request": {"id": "v", "name": "s"}}])
    assert (waiting.uuid, waiting.eta) == ("v", "2026-01-01")
    assert held_tasks({"error": "no"}) == []
    assert started_at(None) is None
    model = tree_model({"pool": {"max-concurrency": 4}, "total": {}})
    assert model.index(0, 1, model.index(0, 0)).data() == "4"
