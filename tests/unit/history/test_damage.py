"""A damaged history: the writer sets it aside and salvages what is readable, readers say a sentence, nobody crashes."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from deskq.errors import UserError
from deskq.history.reading.read_connection import DAMAGED_NAME
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.recovery.quarantine import SetAside, exchange, open_history, to_be_salvaged
from deskq.history.recovery.salvage import Salvage, Salvaged, set_aside_and_salvage
from deskq.history.rows import QueueRow, RecorderStatus, WorkerRow
from deskq.history.writing.database import APPLICATION_ID, VERSION, is_damage
from deskq.history.writing.writer import History
from tests.unit.history.test_history import NOW, add_task, uuid_of

TASKS = 3_000
FLIPS = int(os.environ.get("DESKQ_FLIPS", "25"))
WORKER = WorkerRow("w1", True, NOW, NOW, load=(0.1, 0.2, 0.3), queues=("emails",))
QUEUE = QueueRow("emails", 1, None, 0, {0: 1, 3: 0}, None, 1.5, None, NOW, True, (1, None, 2))


def fill(history: History, count: int = TASKS) -> None:
    for number in range(1, count + 1):
        state = ("succeeded", "failed", "running")[number % 3]
        add_task(history, number, state=state, name=f"shop.task{number % 20}", kwargs="{'x': '" + "y" * (number % 900))
        if number % 500 == 0:
            history.commit(NOW)
    add_task(history, count + 1, kwargs="{'long': '" + "é" * 9_000)
    history.commit(NOW)
    history.put_workers([WORKER])
    history.put_queues([QUEUE], [("emails", NOW, 5, 1, 2), ("", NOW, 7, 1, 2)])
    history.open_gap(NOW, "the broker restarted", NOW + 5, 12)
    history.put_status(RecorderStatus(state="recording", events=7, updated=NOW + 9))
    history.put_malformed("no JSON", b"\xffgarbage", NOW)
    history.put_created(NOW - 100)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of some thousand tasks, closed. Do not change it."""
    path = tmp_path_factory.mktemp("sound") / "history.sqlite"
    history = History(path)
    fill(history)
    history.close()
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(sound, tmp_path / "history.sqlite"))


def flip(path: Path, dice: random.Random, count: int) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(count):
        content[dice.randrange(len(content))] = dice.randrange(256)
    path.write_bytes(content)


def everything(reader: HistoryReader) -> int:
    """Read all that a window or a command reads; how many tasks there are."""
    ids = reader.task_ids(TaskFilter())
    for first in range(0, len(ids), 200):
        for row in reader.rows(ids[first : first + 200]):
            reader.task(row.uuid)
    for sort in ("seen", "state", "name", "runtime"):
        reader.tasks(TaskFilter(), Sort(sort))
    reader.tasks(TaskFilter(text="valueerror"))
    reader.counts()
    reader.counts(TaskFilter(text="shop"))
    reader.facets()
    reader.status()
    reader.workers()
    reader.queues()
    reader.created()
    reader.gaps()
    reader.malformed()
    reader.charts.throughput(NOW, NOW + 5_000)
    reader.charts.runtime_percentiles(NOW, NOW + 5_000)
    reader.charts.queue_samples("emails", NOW, NOW + 100)
    reader.charts.failures(NOW)
    return sum(1 for _ in reader.export(TaskFilter()))


def read_or_say(path: Path) -> None:
    """A reader of a damaged file reads, or says a sentence; anything else fails the test."""
    try:
        reader = HistoryReader(path)
    except UserError:
        return
    try:
        everything(reader)
    except UserError as error:
        assert "damaged" in str(error)  # noqa: PT017 - it need not raise
    finally:
        reader.close()


def record_more(history: History, first: int = 900_000, count: int = 50) -> SetAside | None:
    """Commit new tasks as a recorder does; what became of the file if that showed that it is damaged."""
    exchanged = None
    for number in range(first, first + count):
        while True:
            try:
                add_task(history, number)
                history.commit(NOW)
            except apsw.Error as error:
                assert is_damage(error) or isinstance(error, apsw.ConstraintError)  # noqa: PT017 - it need not raise
                assert exchanged is None
                exchanged = exchange(history, history.next_id)
            else:
                break
    return exchanged


def salvaged(history: History) -> Salvaged:
    """Salvage to the end what was set aside."""
    salvage = Salvage(history)
    while salvage.step(NOW):
        pass
    (ended,) = salvage.ended
    return ended


def works_again(path: Path) -> Salvaged | None:
    """Open as a recorder does, record, salvage, and read every page; what was salvaged, if anything was."""
    history, aside = open_history(path)
    try:
        aside = record_more(history) or aside
        assert to_be_salvaged(path) == ([] if aside is None else [aside])
        ended = salvaged(history) if aside is not None else None
    finally:
        history.close()
    reader = HistoryReader(path)
    try:
        newest = [row.uuid for row in reader.tasks(TaskFilter(), limit=50)]
        assert newest == [uuid_of(number) for number in range(900_049, 899_999, -1)]
        everything(reader)
    finally:
        reader.close()
    if ended is not None:
        assert ended.kept_as.parent == path.parent
        assert ended.kept_as.name.startswith(f"{path.name}.damaged-")
        assert stat.S_IMODE(ended.kept_as.stat().st_mode) == 0o600
    assert not [left for left in path.parent.iterdir() if ".salvag" in left.name]
    return ended


@pytest.mark.parametrize("seed", range(FLIPS))
def test_a_thousand_random_flips(path: Path, seed: int) -> None:
    print(f"seed {seed}")
    flip(path, random.Random(seed), 1_000)
    read_or_say(path)
    ended = works_again(path)
    assert ended is not None
    assert ended.tasks > TASKS // 3
    assert ended.missing > 0


@pytest.mark.parametrize("seed", range(max(FLIPS // 3, 1)))
def test_one_flip(path: Path, seed: int) -> None:
    print(f"seed {seed}")
    flip(path, random.Random(1_000 + seed), 1)
    read_or_say(path)
    ended = works_again(path)
    assert ended is None or ended.tasks > TASKS * 9 // 10


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def garble(path: Path, words: bytes) -> None:
    """Flip a bit of a word in the schema."""
    at = path.read_bytes().index(words) + words.index(b" ") - 1
    overwrite(path, at, bytes([path.read_bytes()[at] ^ 1]))


@pytest.mark.parametrize(
    ("damage", "least"),
    [
        (lambda path: overwrite(path, 0, b"\0" * 100), TASKS),  # the header
        (lambda path: overwrite(path, 0, b"not sqlite"), TASKS),
        (lambda path: overwrite(path, 68, b"????"), TASKS),  # the application id
        (lambda path: overwrite(path, 60, b"\x7f\0\0\0"), TASKS),  # the version
        (lambda path: os.truncate(path, path.stat().st_size // 2), 500),
        (lambda path: os.truncate(path, path.stat().st_size - 1_234), TASKS - 100),
        (lambda path: os.truncate(path, 5_000), 0),
        (lambda path: os.truncate(path, 50), 0),
        (lambda path: overwrite(path, 8_192, os.urandom(200_000)), 500),
        (lambda path: garble(path, b"exception TEXT,"), TASKS),  # a column's name
        (lambda path: garble(path, b"tasks (\n"), 0),
    ],
)
def test_a_destroyed_beginning_or_end(path: Path, damage: Callable[[Path], None], least: int) -> None:
    damage(path)
    read_or_say(path)
    ended = works_again(path)
    assert ended is not None
    assert ended.tasks >= least


def test_an_empty_file_becomes_a_history(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").touch()
    read_or_say(tmp_path / "history.sqlite")
    assert works_again(tmp_path / "history.sqlite") is None


def test_nothing_is_lost_when_nothing_is_damaged(path: Path) -> None:
    before = HistoryReader(path)
    tasks = list(before.export(TaskFilter()))
    charts = (before.charts.throughput(NOW, NOW + 5_000), before.charts.runtime_percentiles(NOW, NOW + 5_000))
    samples = before.charts.queue_samples("emails", NOW, NOW + 100)
    ended = set_aside_and_salvage(path)
    assert (ended.tasks, ended.missing) == (TASKS + 1, 0)
    assert before.replaced
    before.close()
    after = HistoryReader(path)
    assert list(after.export(TaskFilter())) == tasks
    assert (after.charts.throughput(NOW, NOW + 5_000), after.charts.runtime_percentiles(NOW, NOW + 5_000)) == charts
    assert after.charts.queue_samples("emails", NOW, NOW + 100) == samples
    assert (after.workers(), after.queues()) == ([WORKER], [QUEUE])
    assert [(gap.cause, gap.estimate) for gap in after.gaps()] == [
        ("the broker restarted", 12),
        ("the history was damaged; 3,001 tasks were salvaged", None),
    ]
    assert [row.raw for row in after.malformed()] == [b"\xffgarbage"]
    assert after.created() == NOW - 100
    after.close()


def test_what_only_the_wal_holds_is_salvaged(tmp_path: Path) -> None:
    history = History(tmp_path / "live.sqlite")
    fill(history, 300)
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("live.sqlite", "live.sqlite-wal"):
        shutil.copy(tmp_path / name, killed / name)
    history.close()
    assert (killed / "live.sqlite-wal").stat().st_size
    ended = set_aside_and_salvage(killed / "live.sqlite")
    assert (ended.tasks, ended.missing) == (301, 0)
    assert ended.kept_as.with_name(ended.kept_as.name + "-wal").exists()


@pytest.fixture
def open_one(path: Path) -> Iterator[History]:
    history = History(path)
    yield history
    history.close()


def test_damage_at_work_is_repaired_and_held_events_are_written(open_one: History) -> None:
    add_task(open_one, 5_000, name="held.back")
    overwrite(open_one.path, 4_096, b"\xff" * (open_one.path.stat().st_size - 4_096 - 40_960))
    open_one.connection.pragma("shrink_memory")
    assert record_more(open_one) is not None
    assert salvaged(open_one).tasks > 0
    reader = HistoryReader(open_one.path)
    row = reader.task_row(uuid_of(5_000))
    assert row is not None
    assert row.name == "held.back"
    assert everything(reader) >= 51
    reader.close()


def test_a_damaged_row_is_one_unreadable_task(open_one: History) -> None:
    connection = open_one.connection
    connection.execute(
        "UPDATE tasks SET observations = x'c1c1' WHERE uuid = ?", (bytes.fromhex("0" * 12 + "40008000" + f"{7:012}"),)
    )
    connection.execute("UPDATE tasks SET args = CAST(x'ff41' AS TEXT), kwargs = NULL WHERE id = 9")
    connection.execute("UPDATE tasks SET seen = 'yesterday' WHERE id = 11")
    reader = HistoryReader(open_one.path)
    rows = {row.id: row for row in reader.rows(range(1, 21))}
    assert len(rows) == 20
    assert [number for number, row in rows.items() if row.name == DAMAGED_NAME] == [9, 11]
    assert reader.task(uuid_of(7)) is None
    assert len(list(reader.export(TaskFilter()))) == TASKS + 1 - 3
    add_task(open_one, 7)
    open_one.commit(NOW)
    assert reader.task(uuid_of(7)) is not None
    reader.close()


@pytest.mark.parametrize(
    "setting", [f"application_id={APPLICATION_ID + 1}", f"user_version={VERSION + 1}", "user_version=99"]
)
def test_a_foreign_or_newer_file_is_left_alone(tmp_path: Path, setting: str) -> None:
    path = tmp_path / "other.sqlite"
    History(path).close()
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "delete")
    connection.execute(f"PRAGMA {setting}; DROP TABLE tasks; DROP TABLE texts; VACUUM")
    connection.close()
    before = path.read_bytes()
    for attempt in (open_history, HistoryReader):
        with pytest.raises(UserError, match=r"not a deskq history|newer deskq"):
            attempt(path)
    assert path.read_bytes() == before
    assert sorted(place.name for place in tmp_path.iterdir()) == ["other.sqlite", "other.sqlite.lock"]


def test_a_folder_and_a_file_without_permission_are_a_sentence(tmp_path: Path, path: Path) -> None:
    for attempt in (open_history, HistoryReader):
        with pytest.raises(UserError, match="cannot be opened"):
            attempt(tmp_path)
    if os.geteuid() == 0:
        return  # root may read it all
    path.chmod(0)
    for attempt in (open_history, HistoryReader):
        with pytest.raises(UserError, match="cannot be opened"):
            attempt(path)
