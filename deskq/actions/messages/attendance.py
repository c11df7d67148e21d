"""Whether a target has a consumer; the broker or the workers are asked before anything is sent."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence

from deskq.actions.plan import Item, Plan
from deskq.actions.who_runs import silent_nodes
from deskq.brokers.opening import consumer_counts, undeclared_queues
from deskq.brokers.ports import Binding, Unanswered
from deskq.brokers.routing import Route, bindings_of, declared_exchange_types, leads
from deskq.errors import UserError
from deskq.history.reading.consumed import consumed_queues
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile

Target = str | Route
"""A queue name, or a route through an exchange."""
ExchangeTypes = Mapping[str, frozenset[str]]
"""The types that workers declare an exchange with, by its name."""
_ANSWER_SECONDS = 1.0


def targets_of(plan: Plan[Item]) -> list[Target]:
    """Return the distinct targets of a plan."""
    return list(dict.fromkeys(item.route or item.queue for item in plan.items))


def unattended(profile: Profile, targets: Collection[Target], *, must_answer: bool = False) -> dict[Target, str]:
    """Return a sentence for each target that is known to have no consumer. Blocking.

    Never raises, but for Unanswered where the broker ``must_answer``.
    """
    if not targets:
        return {}
    try:
        return _at_rabbitmq(profile, targets) if profile.transport.tells_consumers else _by_workers(profile, targets)
    except UserError as error:  # a broker that cannot be asked says so when it is sent to
        if must_answer and isinstance(error, Unanswered):
            raise
        return _by_history(profile, targets)


def active_queues(profile: Profile, needed: Collection[str] = ()) -> Mapping[str, object] | None:
    """Return what workers answer to ``active_queues``, None where they may not be asked. Blocking; raises BrokerError.

    It comes back early where as many answered as the history knows to be online, and they consume what is ``needed``.
    """
    if not profile.may_inspect_unasked:
        return None
    from deskq.brokers.remote_control import RemoteControl  # Celery takes its time

    with contextlib.closing(RemoteControl(profile)) as remote:
        online = _online(profile)
        replies = remote.inspect("active_queues", timeout=_ANSWER_SECONDS, limit=online or None)
        if online and not set(needed) <= {one.queue for one in bindings_of(replies)}:
            replies = {**replies, **remote.inspect("active_queues", timeout=_ANSWER_SECONDS)}
    return replies


def exchange_types(profile: Profile) -> ExchangeTypes:
    """Return the types of exchanges as workers declare them, {} where they may not be asked, or fail. Blocking."""
    with contextlib.suppress(UserError):
        return declared_exchange_types(active_queues(profile) or {})
    return {}


def unregistered(profile: Profile, names: Iterable[str]) -> set[str]:
    """Return the names of tasks that no worker that answers knows; none where nobody may be asked, or answers."""
    asked = {name for name in names if name and not name.startswith("celery.")}  # workers leave those out
    if not asked or not profile.may_inspect_unasked:
        return set()
    from deskq.brokers.remote_control import RemoteControl, registered_names

    with contextlib.suppress(UserError), contextlib.closing(RemoteControl(profile)) as remote:
        known = registered_names(remote.inspect("registered", timeout=_ANSWER_SECONDS, limit=_online(profile) or None))
        if known and not asked <= frozenset().union(*known.values()):
            known |= registered_names(remote.inspect("registered", timeout=_ANSWER_SECONDS))
        return asked.difference(*known.values()) if known else set()
    return set()


def _online(profile: Profile) -> int:
    """Number of online workers according to a running recorder; 0 if none runs."""
    try:
        with contextlib.closing(HistoryReader(profile.history_path())) as reader:
            return sum(worker.online for worker in reader.workers()) if reader.status().writer_alive else 0
    except UserError:
        return 0


def _by_workers(profile: Profile, targets: Collection[Target]) -> dict[Target, str]:
    """Redis does not list consumers; only the workers know them."""
    queues = {name for target in targets for name in _queues(target)}
    never = set(undeclared_queues(profile, queues))
    replies = active_queues(profile, queues - never) if queues - never else {}
    if replies is None:
        told = {target: _never_declared(profile, target) for target in targets if never.issuperset(_queues(target))}
        return _by_history(profile, targets) | told
    consumed = {one.queue for one in bindings_of(replies)}
    lonely = [target for target in targets if not consumed.intersection(_queues(target))]
    silent = ""
    if any(not never.issuperset(_queues(target)) for target in lonely):
        silent = silent_nodes(profile, replies, (), may="it may consume the queue")
    return {
        target: _never_declared(profile, target)
        if never.issuperset(_queues(target))
        else f"{_nobody(profile, target)} {silent}".strip()
        for target in lonely
    }


def _at_rabbitmq(profile: Profile, targets: Collection[Target]) -> dict[Target, str]:
    """RabbitMQ counts the consumers of each queue; the workers report which queues an exchange leads to."""
    routes = [target for target in targets if isinstance(target, Route) and not target.queues]
    replies = active_queues(profile) if routes else None
    bindings = bindings_of(replies or {})
    reached: dict[Target, Sequence[str]] = {target: _queues(target) or _reached(target, bindings) for target in targets}
    counts = consumer_counts(profile, sorted({name for names in reached.values() for name in names}))
    found: dict[Target, str] = {}
    for target, names in reached.items():
        if isinstance(target, Route) and not names:
            if replies is not None:
                found[target] = _nobody(profile, target)
        elif all(counts.get(name) == 0 for name in names):
            found[target] = _nobody(profile, target)
    return found


def _by_history(profile: Profile, targets: Collection[Target]) -> dict[Target, str]:
    """The answer from the history, for when neither the broker nor the workers can be asked."""
    try:
        with contextlib.closing(HistoryReader(profile.history_path())) as reader:
            consumed = consumed_queues(reader.workers(), reader.queues())
    except UserError:
        return {}
    if consumed is None:
        return {}
    return {
        target: f"No online worker consumes the queue {_names(target)} at {profile.name}."
        for target in targets
        if _queues(target) and not consumed.intersection(_queues(target))
    }


def _reached(route: Target, bindings: Iterable[Binding]) -> list[str]:
    if isinstance(route, str):
        return [route]
    return sorted({one.queue for one in bindings if one.exchange == route.exchange and leads(one, route.routing_key)})


def _queues(target: Target) -> tuple[str, ...]:
    return (target,) if isinstance(target, str) else target.queues


def _names(target: Target) -> str:
    return ", ".join(f"“{name}”" for name in _queues(target))


def _never_declared(profile: Profile, target: Target) -> str:
    return f"No worker has ever declared the queue {_names(target)} at {profile.name}. A task would wait there."


def _nobody(profile: Profile, target: Target) -> str:
    if isinstance(target, Route) and not target.queues:
        return f"No replying worker consumes a queue that {target.words} reaches, at {profile.name}."
    who = "No worker" if profile.transport.tells_consumers else "No replying worker"
    return f"{who} consumes the queue {_names(target)} at {profile.name}. A task would wait until one does."
