"""A $DESKQ_HOME that cannot be written: the window opens, shows what is there, and says why it only looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.actions.journal.journal import Journal
from deskq.cli import main
from deskq.cli.parser.parser import COMMANDS
from deskq.errors import UserError
from deskq.instance import SingleInstance
from deskq.profiles import Profile
from deskq.services.journal_recovery import look_after
from tests.support.processes import Process
from tests.support.waiting import wait_until
from tests.unit.actions.journal.test_journal import plan_of
from tests.unit.history.test_read_only import as_nobody

_ROOT = Path(__file__).resolve().parents[2]
_OPEN = """
import sys
from deskq import startup
offer = startup.UndoOffer
startup.UndoOffer = lambda text, *others, **more: (print(text, flush=True), offer(text, *others, **more))
sys.exit(startup.run_window([]))
"""
_WITHOUT_PRIVILEGE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Permissions do not hold root otherwise."""


def locked(home: Path) -> None:
    for folder, _, files in os.walk(home):
        for name in files:
            (Path(folder) / name).chmod(0o444)
        Path(folder).chmod(0o555)


@pytest.fixture
def read_only(deskq_home: Path) -> Iterator[Path]:
    """A home with nothing in it that nobody may write to."""
    locked(deskq_home)
    yield deskq_home
    for folder, _, _ in os.walk(deskq_home):
        Path(folder).chmod(0o755)


def test_the_window_opens_to_look_only_and_says_so(read_only: Path, tmp_path: Path) -> None:
    window = Process(
        [*_WITHOUT_PRIVILEGE, sys.executable, "-c", _OPEN], log=tmp_path / "log", cwd=_ROOT, env=dict(os.environ)
    )
    try:
        wait_until(lambda: "deskq is read-only because" in window.log() or window.returncode is not None, 30, "it")
        assert window.returncode is None, window.log()
        assert str(read_only / "state") in window.log()
    finally:
        status = window.end()
    assert status == 0, window.log()
    assert list(read_only.iterdir()) == []


def test_several_may_look_at_once(read_only: Path) -> None:
    with as_nobody():
        for _ in range(2):
            first = SingleInstance()
            assert first.claim(lambda: False)
            first.release()


def test_the_journal_is_read_and_nothing_is_begun(read_only: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, _, _ in os.walk(read_only):
        Path(folder).chmod(0o755)
    plan = plan_of(1)
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop")
    journal = Journal()
    journal.begin(plan, profile)
    journal.close()  # as if its process had died: who can write would note that
    locked(read_only)
    COMMANDS["journal"].runner()  # imported by somebody: nobody may not be let into the folders of this Python
    with as_nobody():
        assert main(["journal"]) == 0
        assert plan.id in capsys.readouterr().out
        journal = Journal()
        try:
            assert look_after(journal) == []
            assert [action.id for action in journal.actions()] == [plan.id]
            with pytest.raises(UserError, match="cannot be written"):
                journal.begin(plan_of(2), profile)
        finally:
            journal.close()


def test_a_journal_without_an_action_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal"]) == 0
    assert capsys.readouterr().out == "The journal is empty.\n"
    assert main(["journal", "no such"]) == 0
    assert capsys.readouterr().out == "The journal has no such action.\n"
