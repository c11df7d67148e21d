"""The order of the list of profiles is ahead of the file."""

from __future__ import annotations

import asyncio
from typing import Any

from deskq.profiles import Profile
from deskq.services.background.patience import InTurn
from deskq.views.profiles.ordering import ProfileOrder


class Saved:
    """A file that says how often it was written."""

    def __init__(self) -> None:
        self.moves: list[tuple[str, str | None]] = []

    def move(self, name: str, *, before: str | None) -> list[Profile]:
        self.moves.append((name, before))
        return [Profile.from_url("redis://x/0", name=f"after {len(self.moves)}")]


def test_only_what_the_last_move_left_is_shown() -> None:
    async def scenario() -> None:
        saved: Any = Saved()
        shown: list[str] = []
        order = ProfileOrder(saved, InTurn(), lambda profiles: shown.extend(one.name for one in profiles))
        await asyncio.gather(order.move("a", "b"), order.move("c", ""))
        assert saved.moves == [("a", "b"), ("c", None)]
        assert shown == ["after 2"]

    asyncio.run(scenario())
