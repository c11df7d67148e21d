"""The time line of schedules: computed slice by slice off the GUI thread, and what is said of it in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deskq import formats
from deskq.services.schedules.shown import ShownSchedule
from deskq.services.session import ProfileSession

if TYPE_CHECKING:
    from deskq.schedules.model import Entry, ScheduleStore
    from deskq.schedules.timing.collisions import Collision, Lane, Mark, Timeline

SPANS: Final = {"24 hours": 86_400.0, "7 days": 604_800.0}
_SLICE_SECONDS: Final = 0.03
"""How long runs are computed before somebody else may use the thread."""
_AGAIN_SECONDS: Final = 60.0
"""How long a time line begins at the same moment; longer where computing it takes long."""
_SHARE: Final = 20
_SAID: Final = 3


@dataclass(frozen=True, slots=True)
class ShownTimeline:
    """A time line with the schedules of its lanes. ``disabled`` and ``unusable``: those that have no lane.

    ``several``: are they of several profiles, so that each is named?
    """

    timeline: Timeline
    rows: tuple[ShownSchedule, ...]
    marks: tuple[Mark, ...]
    disabled: int
    unusable: int
    several: bool


class Timelines:
    """Computes time lines; what was computed for an entry stays while the entry and the span are the same."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Entry, Lane]] = {}
        self._span = (0.0, 0.0)
        self._until = 0.0

    async def compute(
        self,
        session: ProfileSession,
        rows: Sequence[ShownSchedule],
        stores: Mapping[tuple[str, str], ScheduleStore],
        seconds: float,
        go_on: Callable[[int, int], bool],
    ) -> ShownTimeline | None:
        """Return the time line of these rows from now on, None if it is not wanted any more.

        ``stores``: by profile and URL. ``go_on`` is told in the loop how many of how many entries are done, and says
        whether it is still wanted. ``session`` lends its thread; nothing is asked of its stores.
        """
        from deskq.schedules.timing.collisions import Timeline, marks, timeline_of

        began = time.time()
        fresh = seconds != self._span[1] or not self._span[0] <= began < self._until
        if fresh:
            self._span, self._until, self._known = (began, seconds), 0.0, {}
        start, known = self._span[0], self._known
        shown: list[ShownSchedule] = []
        found: list[Lane | None] = []
        steps: Iterator[int | Timeline] = iter(())

        def begin() -> None:
            nonlocal steps
            shown.extend(
                one
                for one in rows
                if one.entry.enabled and not one.entry.problem and (one.profile.name, one.row.url) in stores
            )
            found.extend(known.get(id(one.entry), (None, None))[1] for one in shown)
            pairs = [(one.entry, stores[one.profile.name, one.row.url]) for one in shown]
            steps = timeline_of(pairs, start, seconds, now=began, known=found)

        def work() -> int | ShownTimeline:
            until = time.perf_counter() + _SLICE_SECONDS
            for done in steps:
                if isinstance(done, Timeline):
                    return finish(done)
                if time.perf_counter() >= until:
                    return done
            raise AssertionError

        def finish(made: Timeline) -> ShownTimeline:
            in_order = tuple(shown[number] for number in made.order)
            disabled = sum(not one.entry.enabled for one in rows)
            unusable = len(rows) - disabled - len(shown)
            several = len({profile for profile, _ in stores}) > 1
            return ShownTimeline(made, in_order, tuple(marks(start, made.end)), disabled, unusable, several)

        def keep() -> None:
            lanes = zip(shown, found, strict=True)
            known.update((id(one.entry), (one.entry, lane)) for one, lane in lanes if lane is not None)

        await session.schedules(lambda _: begin())
        done: int | ShownTimeline = 0
        while not isinstance(done, ShownTimeline):
            done = await session.schedules(lambda _: work())
            if not isinstance(done, ShownTimeline) and not go_on(done, len(shown)):
                break
        await session.schedules(lambda _: keep())  # also of what is not wanted now: it may be soon
        if fresh:
            self._until = start + max(_AGAIN_SECONDS, _SHARE * (time.time() - began))
        return done if isinstance(done, ShownTimeline) else None


def planned_otherwise(before: Sequence[ShownSchedule], after: Sequence[ShownSchedule]) -> bool:
    """Are others among them, or has one another plan? That one ran, or what the history says of it, is no other plan.

    Quick for thousands of which few are new objects.
    """
    old, new = set(map(id, before)), set(map(id, after))
    if old == new:
        return False
    gone = {_plan(one) for one in before if id(one) not in new}
    return gone != {_plan(one) for one in after if id(one) not in old}


def _plan(one: ShownSchedule) -> Hashable:
    entry = one.entry
    times = entry.start_time, entry.expires_at
    return one.place, entry.name, entry.schedule, entry.enabled, entry.one_off, times, entry.problem


def about_words(shown: ShownTimeline) -> str:
    """Return what the picture shows and what it leaves out, sentences."""
    collisions = len(shown.timeline.collisions)
    together = (
        f"several start together in {formats.count(collisions, 'minute')}"
        if collisions
        else "no two start in the same minute"
    )
    aside = "Not counting dense runs, " if any(lane.bands for lane in shown.timeline.lanes) else ""
    together = f"{aside}{together}" if aside else f"{together[0].upper()}{together[1:]}"
    words = [f"{formats.count(len(shown.rows), 'schedule')} from now on, by this machine's clock.", f"{together}."]
    for mark in shown.marks:
        if mark.moved:
            way = "forward" if mark.moved > 0 else "back"
            words.append(f"Clock change: {way} by {formats.duration(abs(mark.moved))} to {_moment(mark.at)}.")
    left_out = [
        f"{number:,} {why}" for number, why in ((shown.disabled, "disabled"), (shown.unusable, "invalid")) if number
    ]
    if left_out:
        words.append(f"Left out: {', '.join(left_out)}.")
    if shown.timeline.cut:
        which = "schedule is" if shown.timeline.cut == 1 else "schedules are"
        words.append(f"{shown.timeline.cut:,} {which} too frequent; only the first runs are shown.")
    return " ".join(words)


def nothing_words(shown: ShownTimeline) -> tuple[str, str]:
    """Return the title and the reason of a time line without lanes."""
    reasons = []
    if shown.disabled:
        reasons.append(f"{formats.count(shown.disabled, 'schedule')} {_is(shown.disabled)} disabled.")
    if shown.unusable:
        reasons.append(f"{formats.count(shown.unusable, 'schedule')} cannot be used by beat.")
    return "Nothing will run", " ".join(reasons)


def collision_words(shown: ShownTimeline, collision: Collision) -> str:
    """ "02:00: nightly-report, backup and 3 more"; the rarest are named."""
    names = [name_of(shown, place) for place in collision.lanes[:_SAID]]
    rest = collision.count - len(names)
    if rest:
        listed = f"{', '.join(names)} and {rest:,} more"
    else:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{_moment(collision.at, zoned=_zoned(shown))}: {listed}"


def lane_words(shown: ShownTimeline, place: int, at: float | None = None) -> str:
    """Return when a lane's entry runs; ``at``: one of its runs that is pointed at."""
    lane, zoned = shown.timeline.lanes[place], _zoned(shown)
    sentence = formats.plain(shown.rows[place].row.sentence)
    words = [f"{name_of(shown, place)}: {sentence}" if sentence else name_of(shown, place)]
    if at is not None:
        words.append(f"runs {_moment(at, zoned=zoned)}")
    elif lane.first is None:
        words.append(later_words(lane))
    else:
        number = round(lane.weight)
        about = "about " if lane.bands else ""
        words.append(f"{about}{formats.count(number, 'run')}, the first {_moment(lane.first, zoned=zoned)}")
    if lane.cut is not None:
        words.append(f"computed up to {_moment(lane.cut, zoned=zoned)} only")
    return " · ".join(words)


def later_words(lane: Lane) -> str:
    """Return when an entry runs that does not run in the span."""
    return "has no further runs" if lane.later is None else f"runs next {_moment(lane.later)}"


def name_of(shown: ShownTimeline, place: int) -> str:
    """Return a lane's name, with its profile where there are several."""
    one = shown.rows[place]
    name = formats.plain(one.entry.name)
    return f"{name} ({formats.plain(one.profile.name)})" if shown.several else name


def _zoned(shown: ShownTimeline) -> bool:
    """Must times say which side of a change of the clock they mean?"""
    return any(mark.moved for mark in shown.marks)


def _moment(at: float, *, zoned: bool = False) -> str:
    """ "02:00" today, "Fri 02:00" within a week, else with its date; in this machine's zone."""
    local, today = time.localtime(at), time.localtime()
    if local[:3] == today[:3]:
        form = "%H:%M"
    elif at - time.time() < 6 * 86_400:
        form = "%a %H:%M"
    else:
        form = "%a %d %b %H:%M" if local.tm_year == today.tm_year else "%d %b %Y %H:%M"
    return time.strftime(f"{form} %Z" if zoned else form, local)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
