"""What a profile allows, enforced where plans are carried out: no widget, no option and no spelling goes around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deskq.actions.plan import AnyPlan, StepPlan, Verb
from deskq.errors import UserError
from deskq.profiles import Profile, ProfileFile, Safety
from deskq.profiles.guarding import Hold, holds_on, level
from deskq.profiles.places import places_of


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
    part of a sentence, "" where it is.
    """

    safety: Safety
    name: str
    because: str = ""

    @property
    def forbids(self) -> str:
        """Why nothing may be changed, as a sentence, "" if something may."""
        if self.safety is not Safety.READ_ONLY:
            return ""
        if self.because:
            return f"“{self.name}” is read-only, and {self.because}: nothing is changed there."
        return f"“{self.name}” is read-only: nothing is changed there. Change its safety level in the profile to act."

    @property
    def note(self) -> str:
        """What a person should know before they say yes, as a sentence, "" if nothing."""
        return f"The level of “{self.name}” holds ({self.safety.value}): {self.because}." if self.because else ""

    @property
    def typed(self) -> str:
        """What a person must type, "" if nothing: the profile's name."""
        return self.name if self.safety is Safety.ASK_NAME else ""

    def asks(self, plan: AnyPlan) -> bool:
        """Must a person say yes to this?"""
        return self.safety is not Safety.FREE or plan.crosses


def guard_of(plan: AnyPlan, profile: Profile) -> Guard:
    """Return what holds for a plan, see ``guard_at``. Blocking."""
    stores = set()
    if isinstance(plan, StepPlan) and plan.verb is Verb.SCHEDULE:
        stores = {str(step.detail.get("store", "")) for step in plan.items}
    if plan.verb is Verb.ABORT and profile.result_backend:
        stores = {profile.result_backend}
    return guard_at(profile, stores)


def guard_at(profile: Profile, stores: Iterable[str] = ()) -> Guard:
    """Return what holds at a profile's broker and for these stores, schedules' or results', by their URLs.

    A saved profile says by itself what holds for its own broker; of its stores, the profiles whose brokers they are
    say it too. For what is named by its URL every saved profile does that has to do with it. Blocking: reads the
    profiles, and looks hosts up; raises UserError where they cannot be read, since nobody knows then what they guard.
    """
    file = ProfileFile()
    saved = file.guards()
    own = next((one for one in saved if (one.name, one.url) == (profile.name, profile.url)), None)
    urls = {profile.url, *stores}
    named: set[str] = set()
    if own is not None:
        broker = places_of(own.url)
        urls = {url for url in urls if not places_of(url) <= broker}
        named = {url for url in urls if any(places_of(url) <= places_of(store) for store in _stores(own))}
    found = Guard(profile.safety, profile.name)
    if own is not None and level(own.safety) < level(found.safety):
        found = Guard(own.safety, own.name)
    others = [one for one in saved if one is not own]
    for hold in [*holds_on(named, others, brokers_only=True), *holds_on(urls - named, saved)]:
        found = _safer(found, hold, own)
    return found


def _stores(profile: Profile) -> list[str]:
    return [*profile.schedule_stores, *([profile.result_backend] if profile.result_backend else [])]


def _safer(guard: Guard, hold: Hold, own: Profile | None) -> Guard:
    """The safer of both; where a URL has taken over its guard's level already, it is still the guard's."""
    mine, theirs = level(guard.safety), level(hold.profile.safety)
    if theirs < mine or (theirs == mine and own is None and not guard.because):
        return Guard(hold.profile.safety, hold.profile.name, hold.words)
    return guard


def check(plan: AnyPlan, profile: Profile, confirmation: Confirmation | None) -> None:
    """Raise Forbidden unless this plan may be carried out there. Blocking, see ``guard_at``."""
    if not profile.has_broker:
        raise Forbidden(f"“{profile.name}” is a history without a broker: nothing is changed there.")
    guard = guard_of(plan, profile)
    if guard.forbids:
        raise Forbidden(guard.forbids)
    if plan.profile != profile.name:
        raise Forbidden(f"This plan is for “{plan.profile}”, not for “{profile.name}”.")
    if guard.asks(plan) and (confirmation is None or confirmation.plan != plan.id):
        raise Forbidden("Nobody has confirmed this.")
    if guard.typed and (confirmation is None or confirmation.typed != guard.typed):
        raise Forbidden(f"Type the profile's name, {guard.typed}, to confirm this.")
