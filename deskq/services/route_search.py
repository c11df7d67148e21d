"""Where an exchange and a routing key lead, found in the background while people type."""

from __future__ import annotations

import contextlib
import time
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from deskq.actions.messages.call import Call
from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.services.call_routes import CallTarget, place_of
from deskq.services.send import SendService

_TYPING_MS: Final = 300
_AGAIN_MS: Final = 5_000


class RouteSearch(QObject):
    """Looks a moment after it was asked, and again now and then while nothing is found. ``changed``: ask again."""

    changed = Signal()

    def __init__(self, service: SendService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service = service
        self._wanted = CallTarget()
        self._known: CallTarget | None = None
        self._route: Route | None = None
        self._problem = ""
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._begin)

    def of(self, wanted: CallTarget) -> Route | None:
        """Return the route, None while it is looked for, and for a queue that is sent to by its name.

        Raises UserError with why an exchange has none.
        """
        if self._known != wanted:
            if self._wanted != wanted:
                self._wanted = wanted
                self._timer.start(_TYPING_MS)
            return None
        self._wanted = wanted
        if self._problem:
            if not self._timer.isActive():
                self._timer.start(_AGAIN_MS)
            raise UserError(self._problem)
        return self._route

    def of_call(self, call: Call) -> tuple[Route | None, str]:
        """Return the route of a call, and what is said of it; None for one that goes to a queue by its name.

        Raises UserError where it leads nowhere, and where nothing is known yet of how a call to a queue is delayed.
        """
        wanted = place_of(call, self._service.target.profile, time.time())
        if wanted is None:
            return None, ""
        route = self.of(wanted)
        if self._known == wanted:
            return route, route.preview if route is not None else ""
        if not call.exchange:
            raise UserError("Checking whether RabbitMQ can hold the task until its time.")
        return None, "Resolving the route…"

    async def again(self) -> Route | None:
        """Look now for what was wanted last; raises UserError."""
        return await self._look(self._wanted)

    def stop(self) -> None:
        """Look no more, until it is asked again."""
        self._timer.stop()

    def _begin(self) -> None:
        self._service.target.spawn(self._look_quietly(self._wanted), "route", self)

    async def _look_quietly(self, wanted: CallTarget) -> None:
        with contextlib.suppress(UserError):  # it is told by ``of``
            await self._look(wanted)

    async def _look(self, wanted: CallTarget) -> Route | None:
        try:
            route = await self._service.route(wanted)
        except UserError as error:
            self._learn(wanted, None, str(error))
            raise
        self._learn(wanted, route, "")
        return route

    def _learn(self, wanted: CallTarget, route: Route | None, problem: str) -> None:
        if wanted != self._wanted:
            return  # somebody typed on
        if problem:
            self._timer.start(_AGAIN_MS)
        if (wanted, route, problem) != (self._known, self._route, self._problem):
            self._known, self._route, self._problem = wanted, route, problem
            self.changed.emit()
