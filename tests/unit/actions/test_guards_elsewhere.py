"""A server behind another address is guarded if it is the same one, and asked about if nobody can tell."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from deskq.actions import guards_elsewhere
from deskq.actions.guards_elsewhere import held_by_identity, typed
from deskq.errors import UserError
from deskq.history.known_broker import keep_broker
from deskq.profiles import Profile, Safety
from deskq.profiles.guarding import Hold, level
from deskq.protocol.identity import Identity

PROD = Profile.from_url("redis://prod.example/0", name="prod", safety=Safety.READ_ONLY)
TUNNEL = Profile.from_url("redis://127.0.0.1:6380/0")
SILENT = Identity(product="Redis")


class _Broker:
    def __init__(self, told: Identity | None) -> None:
        self._told = told

    def identity(self) -> Identity | None:
        if self._told is None:
            raise UserError("Nothing listens there.")
        return self._told

    def close(self) -> None:
        pass


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has prod say who it is, and the servers at both addresses give these numbers to connections."""

    def given(told: Identity | None, numbers: dict[str, Iterator[int]] | None = None) -> None:
        counts = numbers or {}
        monkeypatch.setattr(guards_elsewhere, "open_broker", lambda profile: _Broker(told))
        monkeypatch.setattr(
            guards_elsewhere, "connection_number", lambda one: next(counts.get(one.url, iter(())), None)
        )

    return given


def found(now: Identity | None, *saved: Profile, door: Profile = TUNNEL) -> list[Hold]:
    return held_by_identity([], [(door, now)], saved or [PROD], level(Safety.FREE))


def known(*ids: str) -> Identity:
    return Identity(product="Redis", ids=ids)


def test_the_same_server_is_guarded(says: Callable[..., None]) -> None:
    says(known("b", "a"))
    assert found(known("a")) == [Hold(PROD, "broker")]
    assert found(known("c")) == []


def test_one_that_does_not_answer_may_be_the_same(says: Callable[..., None]) -> None:
    says(None)
    (hold,) = found(known("a"))
    assert hold.profile == typed(PROD)
    assert hold.profile.safety is Safety.ASK_NAME
    assert hold.words == (
        "whether this is its broker at another address is unknown, since that of “prod” cannot be asked who it is"
    )
    assert found(None) == []  # nothing can be done where nobody answers
    assert found(known("a"), door=Profile.from_url("redis://127.0.0.1:6380/1")) == []
    assert found(known("a"), Profile.from_url("redis://prod.example/0", name="dev", safety=Safety.FREE)) == []


def test_what_a_history_tells_saves_the_question(says: Callable[..., None]) -> None:
    says(None)
    keep_broker(PROD.history_path(), known("a"))
    assert found(known("a")) == [Hold(PROD, "broker")]
    assert found(Identity(product="Redis", ids=("b",), started=1.0)) == []  # it ran while prod was another one
    assert found(known("b"))[0].unknown


def test_connections_are_counted_where_nobody_says_who_it_is(says: Callable[..., None]) -> None:
    same = itertools.count(7)
    says(SILENT, {PROD.url: same, TUNNEL.url: same})
    assert found(SILENT) == [Hold(PROD, "broker")]
    says(known("a"), {PROD.url: itertools.count(7), TUNNEL.url: itertools.count(700)})
    assert found(SILENT) == []
    says(known("a"), {PROD.url: itertools.count(7)})
    assert found(SILENT)[0].unknown == "what answers here does not say who it is"
    says(SILENT, {TUNNEL.url: itertools.count(7)})
    assert found(known("a"))[0].unknown == "that of “prod” does not say who it is"


def test_who_takes_too_long_may_be_the_same(monkeypatch: pytest.MonkeyPatch, says: Callable[..., None]) -> None:
    says(known("b"))
    monkeypatch.setattr(guards_elsewhere, "_SECONDS", 0.0)
    monkeypatch.setattr(guards_elsewhere, "_is_same", lambda *_: threading.Event().wait(5) or False)
    assert found(known("a"))[0].unknown == "that of “prod” has not answered within 0 s"
