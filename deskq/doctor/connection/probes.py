"""Probes and the order in which they are tried: what needs a thing that failed is skipped, with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from deskq.doctor.finding import ProbedStep, State
from deskq.errors import UserError
from deskq.profiles import Profile


class ProbeOutcome(NamedTuple):
    """How a probe ended, if it did not raise; see Step."""

    state: State
    evidence: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """``work`` blocks, with a deadline of its own; its UserError is a failed step. ``needs``: keys of others."""

    key: str
    title: str
    work: Callable[[], ProbeOutcome]
    needs: tuple[str, ...] = ()


def run(probes: Sequence[Probe], profile: Profile, cancelled: Callable[[], bool]) -> Iterator[ProbedStep]:
    """Try them one by one; yields each step as it ends, none after ``cancelled`` says so."""
    titles = {probe.key: probe.title for probe in probes}
    broken: set[str] = set()
    for probe in probes:
        if cancelled():
            return
        missing = next((need for need in probe.needs if need in broken), None)
        if missing is not None:
            broken.add(probe.key)
            yield ProbedStep(probe.key, probe.title, "skipped", f"Skipped: “{titles[missing]}” must pass first.")
            continue
        step = _tried(probe, profile)
        if step.state == "failed":
            broken.add(probe.key)
        if cancelled():
            return
        yield step


def _tried(probe: Probe, profile: Profile) -> ProbedStep:
    began = time.monotonic()
    try:
        outcome = probe.work()
    except UserError as error:
        outcome = ProbeOutcome("failed", error.details, str(error))
    seconds = time.monotonic() - began
    return ProbedStep(
        probe.key,
        probe.title,
        outcome.state,
        discreet(outcome.evidence, profile),
        discreet(outcome.remedy, profile),
        seconds,
    )


def discreet(text: str, profile: Profile) -> str:
    """Return the text with the profile's password hidden: a server's own words may repeat what it was sent."""
    users = {server.user for server in profile.endpoints}
    for secret in profile.password.texts():
        if secret not in users and len(secret) >= 3:  # guest:guest hides nothing
            text = text.replace(secret, "•••")
    return text
