"""Which broker a history is of stays with it."""

from __future__ import annotations

from pathlib import Path

from deskq.history.known_broker import keep_broker, known_broker, known_broker_path
from deskq.history.recovery.relocate import move_history
from deskq.history.writing.writer import History
from deskq.protocol.identity import Identity

SHOP = Identity(product="RabbitMQ", ids=("rabbit@shop",))


def test_it_moves_with_the_history(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    History(old).close()
    keep_broker(old, SHOP)
    keep_broker(new, Identity(product="Redis", ids=("left behind",)))
    assert move_history(old, new)
    assert (known_broker(old), known_broker(new)) == (None, SHOP)


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    for content in (b"", b"[]", b"\xff", b'{"product": 7}'):
        known_broker_path(path).write_bytes(content)
        assert known_broker(path) is None
    keep_broker(path, SHOP)
    assert known_broker_path(path).stat().st_mode & 0o077 == 0
    assert known_broker(path) == SHOP
