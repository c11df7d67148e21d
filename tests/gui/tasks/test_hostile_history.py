"""Every view on a history that hostile events have made: nothing is raised, and text is plain."""

from __future__ import annotations

import random
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QApplication, QLabel, QWidget

from deskq.brokers.ports import QueueSample
from deskq.protocol.events import decode_redis_envelope
from deskq.recorder.event_merger import Pipeline
from deskq.recorder.tracking.consumers import Consumers
from deskq.recorder.tracking.queue_tracker import QueueWatch
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.views.journal.stream_log import StreamLog
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.flood import envelope, heartbeat, task_events
from tests.support.hostile import TEXTS, payload

BAD = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def fill(recorded: Recorded) -> None:
    """Real events with every hostile text in every place, and some thousand random ones."""
    now = time.time()
    workers, queues = WorkerWatch(), QueueWatch()
    pipeline = Pipeline(recorded.history, workers, queues)
    chance = random.Random(11)
    payloads = [payload(chance) for _ in range(3_000)]
    for number, text in enumerate(TEXTS):
        uuid = f"00000000-0000-4000-8000-{number:012}"
        fields = {"name": text, "args": text, "kwargs": text, "root_id": text, "hostname": f"{text}{number}"}
        received, started, _ = task_events(uuid, 1, at=now)
        ended = {"type": "task-failed", "exception": text, "traceback": text, "clock": 9}
        sent = {"type": "task-sent", "queue": text, "exchange": text, "routing_key": text, "clock": 0}
        custom = {"type": f"task-{text[:50]}", "uuid": f"{text[:100]}{number}", "clock": 3, "timestamp": now}
        payloads += [
            envelope({**event, **fields}) for event in (received, started, {**started, **ended}, {**received, **sent})
        ]
        payloads += [envelope(custom), envelope({**heartbeat(1, hostname=f"{text}{number}"), "sw_ident": text})]
    pipeline.take(payloads, decode_redis_envelope, now)
    recorded.history.commit(now)
    for reason, raw, size in pipeline.committed():
        recorded.history.put_malformed(reason, raw, now, size)
    recorded.history.put_workers(workers.take_changed())
    samples = [QueueSample(name, now, 5, 1, 0) for name in sorted(queues.names) if name]
    recorded.history.put_queues(*queues.rows(samples, Consumers(), {}, now))
    recorded.history.open_gap(now - 60, TEXTS[2] + TEXTS[3], now - 30, 3)


def is_plain(text: str) -> bool:
    return not any(unicodedata.category(character) in BAD for character in text if character != "\n")


def cells(model: QAbstractItemModel, parent: QModelIndex | None = None, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Display and tooltip of every cell."""
    parent = parent or QModelIndex()
    for row in range(min(model.rowCount(parent), 60)):
        for column in range(model.columnCount(parent)):
            index = model.index(row, column, parent)
            shown, tip = index.data(), index.data(Qt.ItemDataRole.ToolTipRole)
            yield str(shown or ""), str(tip or "")
        if depth < 3:
            yield from cells(model, model.index(row, 0, parent), depth + 1)


def assert_plain(widget: QWidget, name: str) -> int:
    """Look at every label and every cell of a window; returns how many texts there were."""
    seen = 0
    for label in widget.findChildren(QLabel):
        if label.objectName().startswith("qt_"):
            continue
        assert label.textFormat() == Qt.TextFormat.PlainText or not label.text(), (name, label.text())
        assert is_plain(label.text()), (name, label.text())
        seen += 1
    for view in widget.findChildren(QAbstractItemView):
        model: Any = view.model()
        if model is None or type(view).__name__ == "QComboBoxListView":
            continue
        for shown, tip in cells(model):
            assert is_plain(shown), (name, type(view).__name__, shown)
            assert is_plain(tip), (name, type(view).__name__, tip)
            assert not any(tag in tip for tag in ("<img", "<b>", "<a ")), (name, tip)
            seen += 1
    return seen


def test_every_view_of_a_hostile_history(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    fill(recorded)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            window = app.window
            window.show()
            total = 0
            for kind in ("tasks", "workers", "queues", "overview"):
                view: Any = window.show_view("shop", kind)
                if kind != "overview":
                    await until(lambda: view.model.rowCount() > 10, 15, kind)  # noqa: B023
                await until(lambda: not window.grab().isNull(), 15, kind)
                total += assert_plain(window, kind)
            tasks: Any = window.show_view("shop", "tasks")
            for number in range(len(TEXTS)):
                uuid = f"00000000-0000-4000-8000-{number:012}"
                tasks.shown.show(uuid)
                await until(lambda: tasks.detail.detail is not None and tasks.detail.detail.row.uuid == uuid)  # noqa: B023
                for tab in range(tasks.detail.tabs.count()):
                    tasks.detail.tabs.setCurrentIndex(tab)
                    assert not tasks.detail.grab().isNull()
                for pane in (tasks.detail.traceback, tasks.detail.raw):
                    assert is_plain(pane.toPlainText())
            total += assert_plain(window, "detail")
            queues: Any = window.show_view("shop", "queues")
            for line in range(min(queues.model.rowCount(), 30)):
                queues.table.selectRow(line)
                assert not queues.grab().isNull()
            window.run_command("stream_log")
            log = window.findChild(StreamLog)
            assert log is not None
            await until(lambda: log.malformed.rowCount() > 50 and log.gaps.rowCount() == 1)
            total += assert_plain(log, "log")
            for line in range(log.malformed.rowCount()):
                log.malformed_table.selectRow(line)
                assert is_plain(log.bytes.toPlainText())
            assert not log.grab().isNull()
            log.close()
            everything = window.show_overall("everything")
            assert not everything.grab().isNull()
            for scheme in ("dark", "light"):
                window.set_theme(scheme)
                assert not window.grab().isNull()
            assert total > 1_000

    run(scenario())
