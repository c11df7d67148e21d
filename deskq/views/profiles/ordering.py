"""The order of the list of profiles, written to the file."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from deskq.errors import UserError
from deskq.profiles import Profile, SavedProfiles
from deskq.services.background.patience import InTurn


class ProfileOrder:
    """The list is ahead of the file: ``show`` gets what the file holds only where nothing was moved since."""

    def __init__(self, saved: SavedProfiles, in_turn: InTurn, show: Callable[[list[Profile]], object]) -> None:
        self._saved = saved
        self._in_turn = in_turn
        self._show = show
        self._moves = 0

    def move(self, name: str, before: str) -> Coroutine[Any, Any, None]:
        """Return what puts a profile before another one, "" for the end: moved in the list as of now, in the file then.

        Raises UserError.
        """
        self._moves += 1
        return self._move(name, before, self._moves)

    async def _move(self, name: str, before: str, number: int) -> None:
        problem: UserError | None = None
        try:
            profiles = await self._in_turn(lambda: self._saved.move(name, before=before or None))
        except UserError as error:
            problem = error
            profiles = await self._in_turn(self._saved.load)
        if number == self._moves:
            self._show(profiles)
        if problem is not None:
            raise problem
