"""What a second start hands over, and who is the first."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deskq import instance
from deskq.errors import UserError
from deskq.instance import FirstInstance, decode, encode, hand_over
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
    assert hand_over([]) is False


def test_the_socket_of_a_killed_window_does_not_answer() -> None:
    path = instance.socket_path()
    assert path is not None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert hand_over([]) is False


def test_only_one_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "CLAIM_SECONDS", 0.5)
    first, second = FirstInstance(), FirstInstance()
    assert first.claim(lambda: False)
    assert second.claim(lambda: True) is False
    with pytest.raises(UserError, match="does not answer"):
        second.claim(lambda: False)
    first.release()
    assert second.claim(lambda: False)
    second.release()
