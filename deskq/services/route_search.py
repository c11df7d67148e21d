"""Where an exchange and a routing key lead, found in the background while people type."""

from __future__ import annotations

import contextlib
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.services.send import Sending

_TYPING_MS: Final = 300
_AGAIN_MS: Final = 5_000


class RouteSearch(QObject):
    """Looks a moment after it was asked, and again now and then while nothing is found. ``changed``: ask again."""

    changed = Signal()

    def __init__(self, sending: Sending, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sending = sending
        self._wanted = ("", "")
        self._known: tuple[str, str] | None = None
        self._route: Route | None = None
        self._problem = ""
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._begin)

    def of(self, exchange: str, routing_key: str) -> Route | None:
        """Return the route, None while it is looked for; raises UserError with why there is none."""
        wanted = (exchange, routing_key)
        if self._known != wanted:
            if self._wanted != wanted:
                self._wanted = wanted
                self._timer.start(_TYPING_MS)
            return None
        self._wanted = wanted
        if self._route is None:
            if not self._timer.isActive():
                self._timer.start(_AGAIN_MS)
            raise UserError(self._problem)
        return self._route

    async def again(self, route: Route) -> Route:
        """Look now; raises UserError."""
        return await self._look((route.exchange, route.routing_key))

    def stop(self) -> None:
        """Look no more, until it is asked again."""
        self._timer.stop()

    def _begin(self) -> None:
        self._sending.target.spawn(self._look_quietly(self._wanted), "route", self)

    async def _look_quietly(self, wanted: tuple[str, str]) -> None:
        with contextlib.suppress(UserError):  # it is told by ``of``
            await self._look(wanted)

    async def _look(self, wanted: tuple[str, str]) -> Route:
        try:
            route = await self._sending.route(*wanted)
        except UserError as error:
            self._learn(wanted, None, str(error))
            raise
        self._learn(wanted, route, "")
        return route

    def _learn(self, wanted: tuple[str, str], route: Route | None, problem: str) -> None:
        if wanted != self._wanted:
            return  # somebody typed on
        if route is None:
            self._timer.start(_AGAIN_MS)
        if (wanted, route, problem) != (self._known, self._route, self._problem):
            self._known, self._route, self._problem = wanted, route, problem
            self.changed.emit()
