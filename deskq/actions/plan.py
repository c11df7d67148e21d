"""What is going to be done, frozen: targets, new ids and the messages themselves are chosen before anybody is asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar
from uuid import uuid4

from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.protocol.message import RawMessage


class Verb(StrEnum):
    """What a plan does."""

    SEND = "send"
    RETRY = "retry"
    SCHEDULE = "edit schedules"
    CONTROL = "tell workers"
    PAUSE = "pause"
    REVOKE = "revoke"
    ABORT = "abort"


class Outcome(StrEnum):
    """How an item stands or ended. ``SENDING``: its first byte may have left.

    ``UNKNOWN`` is never sent again by itself.
    """

    PLANNED = "planned"
    SENDING = "sending"
    DONE = "done"
    GONE = "gone"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STOPPED = "not sent"

    @property
    def is_done(self) -> bool:
        """Is it as the step wanted it, whether it had to be changed or not?"""
        return self in (Outcome.DONE, Outcome.GONE)


@dataclass(frozen=True, slots=True)
class Item:
    """One task to be sent. ``id`` names it for ever; ``source`` is the task that it retries, "" for a new one.

    ``route``: the way through an exchange, None for what goes to ``queue``, which is "" otherwise.
    ``grade``: how faithful its arguments are (see actions/retry.py), "" for a new task. ``arguments``: for people.
    ``earlier``: the ids of the source's retries that were known when the plan was made. ``written``: its body is not
    the one that some other client wrote, so that it is decoded on trial before it is sent.
    ``succeeded``: its source had succeeded.
    """

    id: str
    task: str
    queue: str
    message: RawMessage
    source: str = ""
    grade: str = ""
    arguments: str = ""
    losses: tuple[str, ...] = ()
    route: Route | None = None
    earlier: frozenset[str] = frozenset()
    written: bool = True
    succeeded: bool = False

    @property
    def claim(self) -> str:
        """The same for all who retry the same task and know of the same earlier retries; "" for new tasks."""
        if not self.source:
            return ""
        known = "\n".join(sorted(self.earlier)).encode("utf-8", "backslashreplace")
        return f"{self.source}:{blake2b(known, digest_size=8).hexdigest()}"

    @property
    def target(self) -> str:
        """The queue, or the queues behind its exchange, or the exchange where the broker alone knows them."""
        if self.route is None:
            return self.queue
        return ", ".join(self.route.queues) or f"{self.route.exchange} ({self.route.routing_key})"

    @property
    def command(self) -> str:
        """What is sent, in words that a person can repeat."""
        where = f"queue {self.queue}"
        if self.route is not None:
            where = f"exchange {self.route.exchange} routing key {self.route.routing_key}"
            if self.route.leaves_to:
                where += " with the bits of its delay before it"
            where += f" (queues {', '.join(self.route.queues)})" if self.route.queues else ""
        return f"publish task {self.task} id {self.id} to {where}: {self.arguments}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change that is no task message. ``target``: the worker's node name, the queue, or the entry it changes.

    ``command``: literally what is sent, for people. ``detail``: the same for the program, JSON values; ``undo``: the
    detail of the step that takes it back, with its ``command`` inside, None where there is none or it is known only
    afterwards. ``source``, ``task``: id and name of the task that it concerns, "" if none.
    """

    target: str
    command: str
    detail: Mapping[str, Any]
    undo: Mapping[str, Any] | None = None
    source: str = ""
    task: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Policy:
    """How fast and how carefully a plan is carried out. ``rate``: steps a second at most, 0 for no limit.

    ``canary``: the first one alone, and the rest if it ends well. ``tries``: how often it is tried again while the
    broker cannot be reached and nothing has left.
    """

    rate: float = 0.0
    canary: bool = False
    tries: int = 0


AT_ONCE: Final = Policy()
S_co = TypeVar("S_co", bound="Item | Step", covariant=True)
S = TypeVar("S", bound="Item | Step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[S_co]):
    """Items that are carried out together. ``title``: verb, count, target and environment in one line.

    ``crosses``: the tasks come from another broker than they go to: that is always asked. ``undoes``: the id of the
    action that this takes back, "" if none.
    """

    verb: Verb
    profile: str
    environment: str
    title: str
    items: tuple[S_co, ...]
    policy: Policy = AT_ONCE
    undoes: str = ""
    crosses: bool = False
    id: str = field(default_factory=lambda: str(uuid4()))
    created: float = field(default_factory=time.time)


AnyPlan = Plan[Item | Step]


def plan_at(
    profile: Profile, verb: Verb, what: str, items: Iterable[S], *, policy: Policy = AT_ONCE, crosses: bool = False
) -> Plan[S]:
    """Return the plan that does this at a profile; ``what``: its title but for the place."""
    environment = profile.environment.value
    return Plan(
        verb=verb,
        profile=profile.name,
        environment=environment,
        title=f"{what} at {profile.name} ({environment})",
        items=tuple(items),
        policy=policy,
        crosses=crosses,
    )


def plan_messages(
    profile: Profile, verb: Verb, items: Sequence[Item], *, policy: Policy, crosses: bool = False
) -> Plan[Item]:
    """Return the plan that sends task messages, with a title that counts them and names where they go."""
    places = sorted({_place(item) for item in items})
    where = places[0] if len(places) == 1 else f"on {len(places)} queues"
    counted = tasks_counted(len(items), sum(item.succeeded for item in items))
    return plan_at(profile, verb, f"{verb.value.capitalize()} {counted} {where}", items, policy=policy, crosses=crosses)


def tasks_named(tasks: Sequence[tuple[str, str]]) -> str:
    """Return what a title calls tasks, (id, name) each: how many, or the only one's name."""
    return f"{len(tasks):,} tasks" if len(tasks) != 1 else f"“{tasks[0][1] or tasks[0][0]}”"


def tasks_counted(count: int, succeeded: int) -> str:
    """Return what a title calls tasks that are sent again: how many, and how many of them need it least."""
    what = f"{count:,} task{'s' if count != 1 else ''}"
    if not succeeded:
        return what
    which = f"{succeeded:,} succeeded" if succeeded < count else "all succeeded" if count > 1 else "it succeeded"
    return f"{what} ({which})"


def check_rate(rate: float) -> None:
    """Raise UserError unless this is 0, for no limit, or so many a second that one is sent within a day."""
    if rate and not 1 / 86_400 <= rate <= 1e9:
        raise UserError("The rate must be 0, for no limit, or from one message a day to a billion a second.")


def _place(item: Item) -> str:
    return f"on “{item.queue}”" if item.route is None else f"through {item.route.words}"
