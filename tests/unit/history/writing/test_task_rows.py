"""What a row tells of its task: whose child it is, and whether it runs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from deskq.actions.journal.task_actions import TaskAction
from deskq.actions.messages.retry_candidates import _losses
from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.writer import History
from deskq.models.tasks.action_notes import state_suffixes
from deskq.models.tasks.columns import runtime_text
from deskq.protocol.events import Event

NOW = 1_795_000_000.0
FIRST, RETRY = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


def sent(uuid: str, parent: str | None, retries: int = 0, **fields: Any) -> Event:
    told: dict[str, Any] = {"name": "t", "args": "()", "kwargs": "{}", "queue": "q", "root_id": uuid} | fields
    return Event(
        type="task-sent", hostname="c", pid=1, clock=retries, timestamp=NOW + retries, uuid=uuid, retries=retries,
        parent_id=parent, **told,
    )  # fmt: skip


def test_a_task_that_retried_itself_was_not_retried_by_anybody(tmp_path: Path) -> None:
    """Celery gives the messages of Task.retry the task's own id as their parent, where it had none."""
    path = tmp_path / "h.sqlite"
    with contextlib.closing(History(path)) as history:
        for event in (sent(FIRST, None), sent(FIRST, FIRST, 1)):
            history.record(FIRST, NOW).add(event)
        history.commit(NOW)
    with contextlib.closing(HistoryReader(path)) as reader:
        row = reader.task_row(FIRST)
        assert row is not None
        assert (row.retries, row.parent, row.retries_parent) == (1, "", False)
        assert reader.relatives.retries_of([FIRST]) == {}
        assert _losses(row) == ["it has not ended yet and may run twice"]


def test_a_retry_is_known_by_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with contextlib.closing(History(path)) as history:
        history.record(FIRST, NOW).add(sent(FIRST, None))
        history.record(RETRY, NOW).add(sent(RETRY, FIRST))
        history.commit(NOW)
    with contextlib.closing(HistoryReader(path)) as reader:
        assert [row.uuid for row in reader.relatives.retries_of([FIRST])[FIRST]] == [RETRY]


def test_a_task_with_a_state_of_its_own_runs(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    told: dict[str, Any] = {"hostname": "w1", "pid": 1, "uuid": FIRST}
    with contextlib.closing(History(path)) as history:
        record = history.record(FIRST, NOW)
        record.add(Event(type="task-received", clock=1, timestamp=NOW, retries=0, name="t", **told))
        record.add(Event(type="task-started", clock=2, timestamp=NOW, **told))
        record.add(Event(type="task-progress", clock=3, timestamp=NOW + 1, **told))
        history.commit(NOW)
    with contextlib.closing(HistoryReader(path)) as reader:
        row = reader.task_row(FIRST)
        assert row is not None
        assert (row.state, row.runs, row.ended) == ("PROGRESS", True, False)
        assert _losses(row) == ["it has not ended yet and may run twice"]
        assert runtime_text(row).endswith(" …")
        assert state_suffixes([TaskAction("revoked", NOW, "anna", "done")], row.state) == ["revoked"]
