"""What a profile allows, enforced where plans are carried out: no widget and no option can go around it."""

from __future__ import annotations

from dataclasses import dataclass

from deskq.actions.plan import AnyPlan
from deskq.errors import UserError
from deskq.profiles import Profile, Safety


class Forbidden(UserError):
    """The profile's safety level does not allow it, or nobody has confirmed it as the level asks."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person's yes to one plan, by its id; ``typed``: the profile's name as the person typed it, "" if not asked."""

    plan: str
    typed: str = ""


def needs_confirmation(plan: AnyPlan, profile: Profile) -> bool:
    """Must a person say yes to this?"""
    return profile.safety is not Safety.FREE or plan.crosses


def needs_name(profile: Profile) -> bool:
    """Must a person type the profile's name?"""
    return profile.safety is Safety.ASK_NAME


def check(plan: AnyPlan, profile: Profile, confirmation: Confirmation | None) -> None:
    """Raise Forbidden unless this plan may be carried out there."""
    if profile.read_only or not profile.has_broker:
        raise Forbidden(
            f"“{profile.name}” is read-only: nothing is changed there. Change its safety level in the profile to act."
        )
    if plan.profile != profile.name:
        raise Forbidden(f"This plan is for “{plan.profile}”, not for “{profile.name}”.")
    if needs_confirmation(plan, profile) and (confirmation is None or confirmation.plan != plan.id):
        raise Forbidden("Nobody has confirmed this.")
    if needs_name(profile) and (confirmation is None or confirmation.typed != profile.name):
        raise Forbidden(f"Type the profile's name, {profile.name}, to confirm this.")
