"""The pages of the window: made when they are first shown, kept until their profile goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget

from deskq.services.session import ProfileSession
from deskq.views.widgets.page import Page

PageFactory = Callable[[ProfileSession], Page]
OverallFactory = Callable[[list[ProfileSession]], Page]


class Pages(QStackedWidget):
    """Pages by their place: profile and kind, of which the profile is "" for a page over all of them.

    Those asked for last are iterated over last: pages of one kind share what is remembered, the one seen last counts.

    ``made`` carries a page that was made. ``place``: of the page in sight.
    """

    made = Signal(object)

    def __init__(self, factories: Mapping[str, PageFactory], overall: Mapping[str, OverallFactory]) -> None:
        super().__init__()
        self._factories = dict(factories)
        self._overall = dict(overall)
        self._pages: dict[tuple[str, str], Page] = {}
        self.place = ("", "")

    def __iter__(self) -> Iterator[Page]:
        return iter(list(self._pages.values()))

    def page_at(self, profile: str, kind: str) -> Page | None:
        """Return a page that was shown before."""
        return self._pages.get((profile, kind))

    def knows(self, kind: str, *, overall: bool = False) -> bool:
        """Is there such a kind of page?"""
        return kind in (self._overall if overall else self._factories)

    def of_profile(self, session: ProfileSession, kind: str) -> Page:
        """Return the page of a profile."""
        place = (session.profile.name, kind)
        return self._again(place) or self._take_in(place, self._factories[kind](session))

    def of_all(self, kind: str, sessions: list[ProfileSession]) -> Page:
        """Return a page over all profiles."""
        return self._again(("", kind)) or self._take_in(("", kind), self._overall[kind](sessions))

    def add_session(self, session: ProfileSession) -> None:
        """A profile came. Pages over all profiles that nobody looks at are made anew when they are shown."""
        for place in [place for place in self._pages if place[0] == "" and place != self.place]:
            self.discard([self._pages.pop(place)])
        in_sight = self._pages.get(self.place)
        if self.place[0] == "" and in_sight is not None and in_sight.follows_profiles:
            in_sight.add_session(session)

    def remove_session(self, name: str, *, others: bool) -> list[Page]:
        """A profile went, ``others`` are there. Returns the pages to discard once another one is shown."""
        gone: list[Page] = []
        for place in [place for place in self._pages if place[0] in (name, "")]:
            page = self._pages[place]
            if place[0] == "" and others and page.follows_profiles:
                page.remove_session(name)
            else:
                gone.append(self._pages.pop(place))
        return gone

    def in_sight(self) -> bool:
        """Is there the page that was shown last?"""
        return self.place in self._pages

    def discard(self, pages: list[Page]) -> None:
        """Delete pages that are no longer among these."""
        for page in pages:
            self.removeWidget(page)
            page.deleteLater()

    def _again(self, place: tuple[str, str]) -> Page | None:
        page = self._pages.pop(place, None)
        if page is not None:
            self._pages[place] = page
        return page

    def _take_in(self, place: tuple[str, str], page: Page) -> Page:
        self._pages[place] = page
        self.made.emit(page)
        self.addWidget(page)
        return page
