"""A resource that is used by one thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from deskq.errors import UserError
from deskq.services.background.own_thread import OwnThread


class Line:
    """Says in which threads it was used, and whether it is closed."""

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.closed = False

    def ask(self, *, fails: bool = False) -> int:
        self.threads.add(threading.current_thread().name)
        if fails:
            raise UserError("no answer")
        return id(self)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("lasting", [False, True])
def test_it_is_opened_once_and_anew_after_an_error(lasting: bool) -> None:
    opened: list[Line] = []

    def open_it() -> Line:
        opened.append(Line())
        return opened[-1]

    async def scenario() -> None:
        thread = OwnThread("line", open_it, lasting=lasting)
        assert opened == []
        assert await thread.use(Line.ask) == await thread.use(Line.ask)
        with pytest.raises(UserError, match="no answer"):
            await thread.use(lambda line: line.ask(fails=True))
        await thread.use(Line.ask)
        assert len(opened) == (1 if lasting else 2)
        assert opened[0].closed is not lasting
        await thread.close()
        assert all(line.closed for line in opened)
        assert {name for line in opened for name in line.threads} == {"line_0"}

    asyncio.run(scenario())
