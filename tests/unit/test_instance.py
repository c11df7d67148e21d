"""What a second start hands over, and who is the first."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq import instance, paths
from deskq.errors import UserError
from deskq.instance import SingleInstance, decode, encode, forward_to_running
from deskq.profiles import Environment, Profile


def test_profiles_and_histories_cross_the_socket_whole(tmp_path: Path) -> None:
    shop = Profile.from_url("redis://:secret@h:1/3", name="shop", environment=Environment.PRODUCTION)
    file = Profile.of_history(tmp_path / "old shop.sqlite")
    assert decode(encode([shop, file], "token")) == ([shop, file], "token")


FOREIGN = [b"", b"{", b"[]", b'{"open": 1, "activation": ""}', b'{"open": ["x"]}', b"[" * 100_000]


@pytest.mark.parametrize("line", FOREIGN)
def test_foreign_words_are_refused(line: bytes) -> None:
    with pytest.raises(UserError):
        decode(line)


def test_without_a_window_nothing_is_handed_over() -> None:
    assert forward_to_running([]) is False


def test_the_socket_of_a_killed_window_does_not_answer() -> None:
    path = instance.socket_path()
    assert path is not None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert forward_to_running([]) is False


def test_only_one_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "CLAIM_SECONDS", 0.5)
    first, second = SingleInstance(), SingleInstance()
    assert first.claim(lambda: False)
    assert second.claim(lambda: True) is False
    with pytest.raises(UserError, match="not responding"):
        second.claim(lambda: False)
    first.release()
    assert second.claim(lambda: False)
    second.release()


@pytest.fixture
def far_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A $DESKQ_HOME whose path is too long for a socket, and a short folder for sockets."""
    home = tmp_path / ("long " * 30).strip()
    monkeypatch.setenv("DESKQ_HOME", str(home))
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        monkeypatch.setenv("XDG_RUNTIME_DIR", sockets)
        yield home


def test_a_socket_of_a_long_path_is_elsewhere(far_away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = instance.socket_path()
    assert path is not None
    assert far_away not in path.parents
    assert len(os.fsencode(path)) < instance.LONGEST_PATH
    folder = path.parent.lstat()
    assert (folder.st_uid, stat.S_IMODE(folder.st_mode) & 0o077) == (os.getuid(), 0)
    monkeypatch.setenv("DESKQ_HOME", f"{far_away}, another")
    other = instance.socket_path()
    assert other is not None
    assert other != path


def test_no_socket_is_put_where_others_may_be(far_away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder for sockets, one is made among the temporary files, where somebody else may have been first."""
    with tempfile.TemporaryDirectory(dir="/tmp") as public:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/dev/null")
        monkeypatch.setattr(paths, "TEMPORARY", Path(public))
        own = Path(public) / f"deskq-{os.getuid()}"
        own.mkdir()
        own.chmod(0o777)
        assert instance.socket_path() is None
        first, second = SingleInstance(), SingleInstance()
        assert first.claim(lambda: False)
        with pytest.raises(UserError, match="set DESKQ_HOME to a shorter path"):  # at once, not after CLAIM_SECONDS
            second.claim(lambda: False)
        first.release()
        own.chmod(0o700)
        found = instance.socket_path()
        assert found is not None
        assert found.parent == own
