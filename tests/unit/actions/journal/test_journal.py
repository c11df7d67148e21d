"""The journal: on disk first, true after a crash, searched, and kept for a year."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Item, Outcome, Plan, Verb
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.protocol.message import new_message, read_redis_message
from deskq.services.journal_recovery import look_after
from tests.support.small_disk import fill, small_file_system

ROOT = Path(__file__).parents[4]
PROFILE = Profile.from_url("redis://anna:hunter2@h/0", name="shop")


def plan_of(count: int) -> Plan[Item]:
    items = tuple(
        Item(f"new-{n}", "mail.send", "emails", new_message("mail.send", f"new-{n}", [n], {}, origin="o"), f"old-{n}")
        for n in range(count)
    )
    return Plan(verb=Verb.RETRY, profile="shop", environment="production", title="Retry", items=items)


@pytest.fixture
def journal() -> Iterator[Journal]:
    one = Journal()
    yield one
    one.close()


class Syncing(apsw.VFS):
    """The file system, counting how often something must reach the disk."""

    def __init__(self) -> None:
        super().__init__("syncing", "unix")
        self.count = 0

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, vfs: Syncing, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._vfs = vfs

    def xSync(self, flags: int) -> None:
        self._vfs.count += 1
        super().xSync(flags)


def test_looking_reaches_no_disk_and_waits_for_nobody(deskq_home: Path) -> None:
    vfs = Syncing()
    apsw.set_default_vfs("syncing")
    try:
        with closing(Journal()) as writer:
            writer.begin(plan_of(2), PROFILE)
            made = vfs.count
            assert made > 0  # it is counted
            other = apsw.Connection(str(writer.path))
            other.execute("BEGIN IMMEDIATE")  # somebody else writes
            with closing(Journal()) as journal:
                assert journal.recover() == []
                journal.forget_old(time.time())
                assert len(journal.actions()) == 1
                assert not journal.unknown()
            assert vfs.count == made
            other.execute("ROLLBACK")
            other.close()
            writer.end(writer.actions()[0].id)
            assert vfs.count > made
    finally:
        apsw.set_default_vfs("unix")
        vfs.unregister()


def test_a_plan_and_its_outcomes(journal: Journal) -> None:
    plan = plan_of(4)
    journal.begin(plan, PROFILE)
    (row,) = journal.actions()
    assert row.running
    assert row.outcomes == {"planned": 4}
    journal.mark(plan.id, [(0, Outcome.DONE, ""), (1, Outcome.FAILED, "no queue"), (2, Outcome.UNKNOWN, "lost")])
    journal.end(plan.id)
    (row,) = journal.actions()
    assert not row.running
    assert row.outcomes == {"done": 1, "failed": 1, "unknown": 1, "not sent": 1}
    assert [item.outcome for item in journal.items(plan.id)] == ["done", "failed", "unknown", "not sent"]
    assert [item.new_id for item in journal.unknown("shop")] == ["new-2"]
    assert set(journal.retries_of(["old-0", "old-1", "old-2"])) == {"old-0", "old-2"}
    message = read_redis_message(journal.message(plan.id, 0))
    assert message is not None
    assert message.id == "new-0"
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert b"hunter2" not in journal.path.read_bytes()
    assert list((journal.path.parent / "plans").iterdir()) == []


def test_it_is_searched(journal: Journal) -> None:
    plan = plan_of(2)
    journal.begin(plan, PROFILE)
    journal.end(plan.id)
    for text in ("emails", "mail.send", "new-1", "old-1", "Retry"):
        assert [row.id for row in journal.actions(text)] == [plan.id], text
    assert journal.actions("nothing like this") == []


def test_a_process_that_died_leaves_unknown_and_not_sent(journal: Journal) -> None:
    program = (
        "import os\nfrom deskq.actions.journal.journal import Journal\nfrom deskq.actions.plan import Outcome\n"
        "from tests.unit.actions.journal.test_journal import PROFILE, plan_of\n"
        "journal = Journal()\nplan = plan_of(3)\njournal.begin(plan, PROFILE)\n"
        "journal.mark(plan.id, [(0, Outcome.SENDING, ''), (1, Outcome.SENDING, '')])\n"
        "journal.mark(plan.id, [(0, Outcome.DONE, '')])\nos.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).resolve().parents[4]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=False, timeout=240)
    (row,) = journal.actions()
    assert not row.running
    assert journal.recover() == [row.id]
    assert [item.outcome for item in journal.items(row.id)] == ["done", "unknown", "not sent"]
    assert journal.recover() == []


def test_a_plan_that_runs_is_not_taken_for_dead(journal: Journal) -> None:
    plan = plan_of(1)
    journal.begin(plan, PROFILE)
    other = Journal()
    assert other.recover() == []
    with pytest.raises(UserError):
        other.begin(plan, PROFILE)
    other.close()
    journal.end(plan.id)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    file.write_bytes(b"my diary" * 1_000)
    with pytest.raises(UserError, match="cannot be opened"):
        Journal(file)
    assert file.read_bytes() == b"my diary" * 1_000


def test_somebody_else_s_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    connection = apsw.Connection(str(file))
    connection.execute("CREATE TABLE diary (line TEXT)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(UserError, match="not a deskq journal"):
        Journal(file)
    assert file.read_bytes() == before


def test_who_makes_it_at_the_same_time_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    other = apsw.Connection(str(file))
    other.execute("BEGIN EXCLUSIVE; CREATE TABLE half_made (x)")
    ends = threading.Timer(0.3, other.execute, ("ROLLBACK",))
    ends.start()
    Journal(file).close()
    ends.join()
    other.close()


def test_one_of_a_newer_deskq_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    Journal(file).close()
    with closing(apsw.Connection(str(file))) as connection:
        connection.pragma("user_version", 99)
    before = file.read_bytes()
    log = file.with_name("journal.sqlite-wal")
    log.write_bytes(b"what SQLite would merge, or throw away")
    with pytest.raises(UserError, match=r"newer deskq: its format is 99"):
        Journal(file)
    assert file.read_bytes() == before
    assert log.read_bytes() == b"what SQLite would merge, or throw away"


def test_a_copy_of_the_file_alone_holds_what_has_ended(journal: Journal, tmp_path: Path) -> None:
    """While another process has it open too, SQLite does not merge its log by itself."""
    with closing(Journal(journal.path)):
        plan = plan_of(2)
        journal.begin(plan, PROFILE)
        journal.end(plan.id)
        copy = tmp_path / "copy" / "journal.sqlite"
        copy.parent.mkdir()
        shutil.copy(journal.path, copy)
    with closing(Journal(copy)) as copied:
        assert len(copied.items(plan.id)) == 2


def test_what_could_not_be_noted_is_unknown_when_the_plan_ends(journal: Journal) -> None:
    plan = plan_of(2)
    journal.begin(plan, PROFILE)
    journal.mark(plan.id, [(0, Outcome.SENDING, "")])
    journal.end(plan.id)
    assert [item.outcome for item in journal.items(plan.id)] == ["unknown", "not sent"]
    assert [item.new_id for item in journal.unknown("shop")] == ["new-0"]


@pytest.mark.parametrize("read_only", [False, True])
def test_what_a_process_left_open_can_be_read_where_nothing_can_be_written(tmp_path: Path, read_only: bool) -> None:
    """Of its last lines the log alone knows, which has no index once the machine was started again."""
    with small_file_system(tmp_path / "disk") as disk:
        program = (
            "import os\nfrom pathlib import Path\nfrom deskq.actions.journal.journal import Journal\n"
            "from deskq.actions.plan import Outcome\n"
            "from tests.unit.actions.journal.test_journal import PROFILE, plan_of\n"
            f"journal = Journal(Path({str(disk / 'journal.sqlite')!r}))\nplan = plan_of(2)\n"
            "journal.begin(plan, PROFILE)\njournal.mark(plan.id, [(0, Outcome.SENDING, '')])\nos.kill(os.getpid(), 9)\n"
        )
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
        assert ran.returncode == -9
        if read_only:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        else:
            (disk / "journal.sqlite-shm").unlink()
            fill(disk)
        with closing(Journal(disk / "journal.sqlite")) as journal:
            assert look_after(journal) == []
            (left,) = journal.actions()
            assert not left.running
            assert [item.outcome for item in journal.items(left.id)] == ["sending", "planned"]
            assert [item.outcome for item, *_ in journal.items_about(["old-0"])] == ["unknown"]
            large = Item("x", "mail.send", "emails", new_message("mail.send", "x", ["x" * 100_000], {}, origin="o"))
            with pytest.raises(UserError, match="cannot be written"):
                journal.begin(replace(plan_of(1), items=(large,)), PROFILE)


def test_a_disk_that_is_full_or_read_only(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "disk") as disk:
        journal = Journal(disk / "journal.sqlite")
        ballast = fill(disk)
        with pytest.raises(UserError, match="disk is full"):
            Journal(disk / "another.sqlite")
        with pytest.raises(UserError, match="cannot be written"):
            journal.begin(plan_of(2_000), PROFILE)
        journal.close()
        with closing(Journal(disk / "journal.sqlite")) as journal:  # nobody has it open, and there is no room
            assert journal.actions() == []
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with closing(Journal(disk / "journal.sqlite")) as journal:
            assert journal.actions() == []
            with pytest.raises(UserError, match="Read-only file system"):
                journal.begin(plan_of(1), PROFILE)
