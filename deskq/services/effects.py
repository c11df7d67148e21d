"""What a plan of this window touched, told to the open views at once; what other processes do they see by polling."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject, Signal

from deskq.actions.plan import AnyPlan, Item, Verb


@dataclass(frozen=True, slots=True)
class Effects:
    """The ids of tasks, and the names of queues and schedules, that a plan touched or may have touched at a profile."""

    profile: str
    tasks: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    schedules: frozenset[str] = frozenset()


def effects_of(plan: AnyPlan) -> Effects:
    """Return what a plan touches."""
    messages = [item for item in plan.items if isinstance(item, Item)]
    tasks = {item.source for item in plan.items if item.source} | {item.id for item in messages}
    queues = {name for item in messages for name in (item.route.queues if item.route is not None else (item.queue,))}
    for step in plan.items:
        if not isinstance(step, Item) and (queue := dict(step.detail.get("arguments") or {}).get("queue")):
            queues.add(str(queue))
    schedules = {step.target for step in plan.items} if plan.verb is Verb.SCHEDULE else set()
    return Effects(plan.profile, frozenset(tasks), frozenset(queues), frozenset(schedules))


class EffectsFeed(QObject):
    """``touched`` carries the Effects of each plan that has ended, well or not."""

    touched = Signal(object)


_feeds: list[EffectsFeed] = []


def effects_feed() -> EffectsFeed:
    """Return the one of this application."""
    if not _feeds:
        _feeds.append(EffectsFeed(QCoreApplication.instance()))
        _feeds[0].destroyed.connect(_feeds.clear)
    return _feeds[0]
