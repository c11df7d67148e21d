"""The file of kept messages: what a newer deskq or somebody else wrote is left alone, and it moves with its history."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from deskq.history.recovery.relocate import move_history
from deskq.history.writing.message_cache import MessageKeep, messages_path, read_messages
from deskq.history.writing.writer import History

NOW = 1_795_000_000.0


def kept(history: Path) -> MessageKeep:
    keep = MessageKeep(history)
    keep.keep([("a", b"the message")], NOW)
    return keep


@pytest.mark.parametrize(
    ("setting", "says"), [("user_version = 99", "newer deskq"), ("application_id = 7", "not a deskq message file")]
)
def test_a_file_that_is_not_this_ones_is_left_alone(tmp_path: Path, setting: str, says: str) -> None:
    history = tmp_path / "history.sqlite"
    kept(history).close()
    with closing(apsw.Connection(str(messages_path(history)))) as connection:
        connection.execute(f"PRAGMA {setting}; PRAGMA journal_mode = delete").fetchall()
        connection.execute("DROP TABLE messages")
        connection.execute("CREATE TABLE messages (all_is_otherwise)")
    before = messages_path(history).read_bytes()
    keep = MessageKeep(history)
    keep.keep([("b", b"another")], NOW)
    assert says in keep.refusal
    keep.close()
    assert read_messages(history, ["a", "b"]) == {}
    assert messages_path(history).read_bytes() == before


def test_a_file_from_before_it_had_a_version_is_used(tmp_path: Path) -> None:
    history = tmp_path / "history.sqlite"
    kept(history).close()
    with closing(apsw.Connection(str(messages_path(history)))) as connection:
        connection.execute("PRAGMA user_version = 0; PRAGMA application_id = 0")
    keep = MessageKeep(history)
    keep.keep([("b", b"another")], NOW)
    assert read_messages(history, ["a", "b"]) == {"a": b"the message", "b": b"another"}
    keep.close()


def test_a_full_disk_takes_nothing_of_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = tmp_path / "history.sqlite"
    keep = kept(history)

    def full(*_: object) -> None:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(keep, "_write", full)
        keep.keep([("b", b"another")], NOW)
    assert read_messages(history, ["a"]) == {"a": b"the message"}
    keep.close()


def test_a_copy_of_the_file_alone_holds_them(tmp_path: Path) -> None:
    keep = kept(tmp_path / "history.sqlite")
    shutil.copy(messages_path(tmp_path / "history.sqlite"), messages_path(tmp_path / "copy.sqlite"))
    assert read_messages(tmp_path / "copy.sqlite", ["a"]) == {"a": b"the message"}
    keep.close()


def test_they_move_with_their_history(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    History(old).close()
    kept(old).close()
    assert move_history(old, new)
    assert read_messages(new, ["a"]) == {"a": b"the message"}
    assert not messages_path(old).exists()
