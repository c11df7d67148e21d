"""What a periodic task is, whatever keeps it, and what every store of them offers.

Times are epoch seconds UTC. ``zone`` is an IANA name; "" on a schedule means the store's own zone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from deskq.errors import UserError


class StoreError(UserError):
    """The store cannot be read or written; the message says why and what to do."""


class WriteUnknown(StoreError):
    """The connection ended while something was written, and looking did not tell whether it was."""


class NotEditable(StoreError):
    """This store, or this entry, is not changed by deskq; the message says where it is defined."""


class Unsupported(StoreError):
    """The store cannot keep such an entry (a kind of schedule, a field); nothing was written."""


class Conflict(StoreError):
    """Somebody changed the entry since it was read: nothing was written. ``theirs``: as it is now, None if deleted."""

    def __init__(self, message: str, theirs: Entry | None) -> None:
        super().__init__(message)
        self.theirs = theirs


class StoreKind(StrEnum):
    """The stores that deskq knows; the value is also the first part of a store's URL."""

    REDBEAT = "redbeat"
    DJANGO = "django-celery-beat"
    CODE = "code"
    FILE = "celerybeat-schedule"


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many seconds. ``relative``: at multiples of the interval (celery.schedules.schedule)."""

    seconds: float
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Crontab:
    """Celery's crontab, field by field as written. Day of month **and** day of week must match, unlike cron."""

    minute: str = "*"
    hour: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"
    zone: str = ""

    @property
    def text(self) -> str:
        """The five fields in cron's order: minute, hour, day of month, month, day of week."""
        return f"{self.minute} {self.hour} {self.day_of_month} {self.month_of_year} {self.day_of_week}"


@dataclass(frozen=True, slots=True)
class Clocked:
    """Once, at a time."""

    at: float


@dataclass(frozen=True, slots=True)
class Solar:
    """At an event of the sun ("sunset", "dawn_civil" …, celery.schedules.solar) at a place in degrees."""

    event: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class RRule:
    """redbeat's rrule: dateutil's, its fields as dateutil takes them.

    ``freq``: "yearly" … "secondly". ``byweekday``: (0 = Monday, n-th or 0 for every). ``dtstart``, ``until``: epoch
    seconds, with the offset in minutes that redbeat keeps beside them. ``others``: bysetpos, bymonth, bymonthday,
    byyearday, byeaster, byweekno, byhour, byminute, bysecond, each a tuple of ints; absent where not given.
    """

    freq: str
    interval: int = 1
    dtstart: float | None = None
    dtstart_offset: float = 0.0
    until: float | None = None
    until_offset: float = 0.0
    count: int | None = None
    wkst: int | None = None
    byweekday: tuple[tuple[int, int], ...] = ()
    others: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A schedule that deskq does not understand, kept as it is: ``text`` as stored, ``reason`` for people."""

    text: str
    reason: str


Schedule = Interval | Crontab | Clocked | Solar | RRule | Unreadable


class Owner(StrEnum):
    """Who decides what an entry says. ``CODE``: the app's ``beat_schedule``; an edit is undone at beat's next start."""

    EDITABLE = "editable"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One periodic task.

    ``args``, ``kwargs``: plain JSON values. ``options``: what apply_async gets, by Celery's names (queue, exchange,
    routing_key, priority, expires in seconds, headers …); unknown ones are kept. ``expires_at``: no run after that.
    ``key``: what the store knows it by ("" before it is stored). ``version``: what was read, for compare-and-set,
    opaque. ``due_at``: when beat will look at it next by the store's own word, None where the store does not say.
    ``shared_with``: other entries on the same schedule row (django-celery-beat). ``problem``: why beat cannot use it.
    ``counts_from``: what beat takes for the last run of an entry that never ran, None if that is beat's start.
    ``origin``: where it is defined, for people. ``raw``: as stored, for people; hostile text.
    """

    name: str
    task: str
    schedule: Schedule
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    one_off: bool = False
    start_time: float | None = None
    expires_at: float | None = None
    description: str = ""
    last_run_at: float | None = None
    counts_from: float | None = None
    total_run_count: int | None = None
    key: str = ""
    version: str = ""
    due_at: float | None = None
    owner: Owner = Owner.EDITABLE
    shared_with: tuple[str, ...] = ()
    problem: str = ""
    origin: str = ""
    raw: str = ""

    @property
    def queue(self) -> str:
        """The queue that the entry itself names, "" if routing decides."""
        return str(self.options.get("queue") or "")


@dataclass(frozen=True, slots=True)
class BeatEvidence:
    """What a store tells of its beat. ``alive``: None where nothing tells; ``words``: for people, "" if nothing.

    ``last``: when beat last left a trace; ``lock_until``: redbeat's lock expires then.
    """

    alive: bool | None = None
    last: float | None = None
    lock_until: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContent:
    """A store as it was read. ``warnings``: about the store as a whole, sentences for people."""

    entries: tuple[Entry, ...]
    beat: BeatEvidence = BeatEvidence()
    warnings: tuple[str, ...] = ()
    read_at: float


@dataclass(frozen=True, slots=True)
class StoreChunk:
    """Some entries of a store that is being read. ``expected``: how many there will be in all."""

    entries: tuple[Entry, ...]
    expected: int


Reading = Generator[StoreChunk, None, StoreContent]
"""A store that is being read: yields what has come, and returns all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a store can keep. ``why_not``: why nothing can be edited, "" if it can.

    ``kinds``: the classes of schedule; ``fields``: which of Entry's fields beside name, task, schedule, args, kwargs,
    options and enabled; ``zoned``: each crontab has a zone of its own.
    """

    kinds: frozenset[type]
    fields: frozenset[str] = frozenset()
    zoned: bool = False
    why_not: str = ""


class ScheduleStore(Protocol):
    """One store; blocking, used by one thread at a time, every wait has a deadline. Raises StoreError.

    ``url`` names it without a password; ``title`` is for people; ``zone`` is where its crontabs without zone live.
    """

    kind: StoreKind
    url: str
    title: str
    zone: str
    abilities: Abilities

    def read(self) -> StoreContent:
        """Return all entries; what is broken is an entry with a ``problem``, and the rest works. Changes nothing."""

    def read_in_parts(self) -> Reading:
        """As ``read``, but what has come is yielded meanwhile: first what runs soonest, where the store knows it."""

    def replace(self, old: Entry | None, new: Entry | None, *, change_shared: bool = False) -> Entry | None:
        """Put ``new`` in the place of ``old`` in one transaction: add (no old), edit, rename, delete (no new).

        Writes only if the store still holds ``old`` as it was read (``version``), else raises Changed. What has run
        (``last_run_at``, ``total_run_count``) stays the store's, except for an added entry, which brings its own.
        ``change_shared``: change a schedule row that other entries use too. Returns the entry as it was stored. Where
        the connection ends before the store says that it was, the store looks: raises Unsure if that does not tell.
        Raises Changed, Unfit, NotEditable; after every StoreError but Unsure nothing was written, nor will be.
        """

    def check(self, old: Entry | None, new: Entry) -> None:
        """Raise what ``replace`` would raise because of the entry itself, so that a plan promises only what is done.

        Writes nothing, and asks nothing if the store was read. What others do meanwhile only ``replace`` finds out.
        """

    def close(self) -> None:
        """Close the connections; never raises."""


def whole(reading: Reading) -> StoreContent:
    """Read a store to its end."""
    while True:
        try:
            next(reading)
        except StopIteration as end:
            content: StoreContent = end.value
            return content


def at_once(store: ScheduleStore) -> Reading:
    """Read a store that has no parts."""
    yield from ()
    return store.read()
