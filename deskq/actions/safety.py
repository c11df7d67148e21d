"""What a profile allows, enforced where plans are carried out: no widget, no option and no spelling goes around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from deskq.actions.broker_change import accept, ask_identity, change_of, doors
from deskq.actions.guards_elsewhere import held_by_identity, typed
from deskq.actions.plan import AnyPlan, Step, Verb
from deskq.errors import UserError
from deskq.profiles import Profile, ProfileFile, Safety
from deskq.profiles.guarding import Hold, holds_on, level
from deskq.profiles.places import places_of
from deskq.protocol.identity import BrokerChange, Identity


class Forbidden(UserError):
    """The profile's safety level does not allow it, or nobody has confirmed it as the level asks."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person's yes to one plan, by its id; ``typed``: the profile's name as the person typed it, "" if not asked."""

    plan: str
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """What holds where something is changed: the safest level of all that guard it.

    ``name``: the profile whose level it is; ``because``: why it is not the level of the profile that is acted on, as a
    part of a sentence, "" where it is. ``broker``: who the broker says it is, None where that is unknown; ``change``:
    where that is another one than before. ``keeps``: a yes to the change holds from then on: the history is the
    profile's own.
    """

    safety: Safety
    name: str
    because: str = ""
    broker: Identity | None = None
    change: BrokerChange | None = None
    keeps: bool = True

    @property
    def forbids(self) -> str:
        """Why nothing may be changed, as a sentence, "" if something may."""
        if self.safety is not Safety.READ_ONLY:
            return ""
        if self.because:
            return f"“{self.name}” is read-only, and {self.because}: nothing can be changed."
        return f"“{self.name}” is read-only: nothing can be changed. Change its safety level in the profile first."

    @property
    def note(self) -> str:
        """What a person should know before they say yes, as a sentence, "" if nothing."""
        level = f"The level of “{self.name}” holds ({self.safety.value}): {self.because}." if self.because else ""
        change = f"{self.change.words} Type {self.typed} if that is meant." if self.change is not None else ""
        return f"{level} {change}".strip()

    @property
    def typed(self) -> str:
        """What a person must type, "" if nothing: the profile's name, and the broker's code where it is another one."""
        name = [self.name] if self.safety is Safety.ASK_NAME else []
        return " ".join([*name, *([self.change.code] if self.change is not None else [])])

    @property
    def typed_is(self) -> str:
        """What that is, as a part of a sentence."""
        return "the profile's name" if self.change is None else "what names the broker"

    def asks(self, plan: AnyPlan) -> bool:
        """Must a person say yes to this?"""
        return self.safety is not Safety.FREE or plan.crosses or self.change is not None


def guard_of(plan: AnyPlan, profile: Profile) -> Guard:
    """Return what holds for a plan, see ``guard_at``. Blocking.

    Raises Unanswered where the broker takes longer than its deadline, unless the plan is to wait for it.
    """
    stores: set[str] = set()
    if plan.verb is Verb.SCHEDULE:
        stores = {str(step.detail.get("store", "")) for step in plan.items if isinstance(step, Step)}
    elif plan.verb is Verb.ABORT and profile.result_backend:
        stores = {profile.result_backend}
    at_broker = not stores or any(places_of(store) & places_of(profile.url) for store in stores)
    return guard_at(profile, stores, ask_broker=at_broker, must_answer=not plan.policy.tries)


def guard_at(
    profile: Profile, stores: Iterable[str] = (), *, ask_broker: bool = True, must_answer: bool = False
) -> Guard:
    """Return what holds at a profile's broker and for these stores, schedules' or results', by their URLs.

    A saved profile says by itself what holds for its own broker, unless that is the broker of a safer one at another
    address, which nobody saw as it was saved; of its stores, the profiles whose brokers they are say it too. For what
    is named by its URL every saved profile does that has to do with it. Blocking: reads the profiles, looks hosts up,
    and asks the broker who it is; raises UserError where the profiles cannot be read, since nobody knows then what
    they guard.
    """
    file = ProfileFile()
    saved = file.guards()
    own = next((one for one in saved if (one.name, one.url) == (profile.name, profile.url)), None)
    stores = set(stores)
    urls = {profile.url, *stores}
    named: set[str] = set()
    if own is not None:
        at_broker = places_of(own.url)
        urls = {url for url in urls if not places_of(url) <= at_broker}
        named = {url for url in urls if any(places_of(url) <= places_of(store) for store in _stores(own))}
    found = Guard(profile.safety, profile.name)
    if own is not None and level(own.safety) < level(found.safety):
        found = Guard(own.safety, own.name)
    others = [one for one in saved if one is not own]
    asks = ask_broker and found.safety is not Safety.READ_ONLY
    broker = ask_identity(profile, must_answer=must_answer) if asks else None
    holds = holds_on(urls - named, saved)
    if found.safety is not Safety.READ_ONLY:
        met = [(door, ask_identity(door)) for door in doors(urls & stores, profile)]
        if own is None:
            met.append((profile, broker))
        holds = held_by_identity(holds, met, others, level(found.safety))
    for hold in [*holds_on(named, others, brokers_only=True), *holds]:
        found = _safer(found, hold, own)
    if own is not None:
        for hold in _unseen(profile, level(own.safety), others, broker):
            found = _safer(found, hold, own)
    keeps = profile.history is None if own is None else profile.history_path() == own.history_path()
    return replace(found, broker=broker, change=change_of(profile, broker), keeps=keeps)


def _unseen(own: Profile, safety: int, others: Sequence[Profile], broker: Identity | None) -> Iterator[Hold]:
    """What else guards a saved profile's broker, at other addresses: where nothing may be done a name is asked for.

    Those that ask for a name, or let nothing be done, are asked who they are where their histories do not tell.
    """
    seen = {hold.profile.name for hold in holds_on([own.url], others, brokers_only=True) if not hold.in_doubt}
    unseen = [one for one in others if one.name not in seen]
    least = level(Safety.ASK) if safety >= level(Safety.ASK) else 0  # else nothing more would be asked
    for hold in held_by_identity([], [(own, broker)], unseen, least):
        if hold.unknown:
            yield hold
        else:
            read_only = "read-only " if hold.profile.safety is Safety.READ_ONLY else ""
            yield Hold(typed(hold.profile), f"{read_only}broker at another address")


def _stores(profile: Profile) -> list[str]:
    return [*profile.schedule_stores, *([profile.result_backend] if profile.result_backend else [])]


def _safer(guard: Guard, hold: Hold, own: Profile | None) -> Guard:
    """The safer of both; where a URL has taken over its guard's level already, it is still the guard's."""
    mine, theirs = level(guard.safety), level(hold.profile.safety)
    if theirs < mine or (theirs == mine and own is None and not guard.because):
        return Guard(hold.profile.safety, hold.profile.name, hold.words)
    return guard


def check(plan: AnyPlan, profile: Profile, confirmation: Confirmation | None) -> Guard:
    """Raise Forbidden unless this plan may be carried out there; returns what guards it. Blocking, see ``guard_at``.

    A broker that is another one, and was confirmed, is the one that the history is of from now on.
    """
    if not profile.has_broker:
        raise Forbidden(f"“{profile.name}” is a history without a broker: there is nothing to change.")
    guard = guard_of(plan, profile)
    if guard.forbids:
        raise Forbidden(guard.forbids)
    if plan.profile != profile.name:
        raise Forbidden(f"This plan is for “{plan.profile}”, not for “{profile.name}”.")
    if guard.asks(plan) and (confirmation is None or confirmation.plan != plan.id):
        raise Forbidden("The action was not confirmed.")
    if guard.typed and (confirmation is None or confirmation.typed != guard.typed):
        change = f"{guard.change.words} " if guard.change is not None else ""
        raise Forbidden(f"{change}Type {guard.typed_is}, {guard.typed}, to confirm this.")
    if guard.keeps:
        accept(profile, guard.broker)
    return guard
