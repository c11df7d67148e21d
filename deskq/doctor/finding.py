"""What an examination says: steps that went well or not, and findings with the line that mends them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "failed", "skipped", "not-asked"]
Level = Literal["error", "warning", "advice", "ok"]


@dataclass(frozen=True, slots=True)
class ProbedStep:
    """One thing that was tried. ``evidence``: what was seen; ``remedy``: a sentence, "" where nothing is to be done.

    ``skipped``: it could not be tried, ``not-asked``: the profile forbids to ask; the evidence says why.
    """

    key: str
    title: str
    state: State
    evidence: str = ""
    remedy: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``evidence``: what makes it so; ``setting``: the literal line that mends it, or ""."""

    key: str
    level: Level
    title: str
    evidence: str = ""
    remedy: str = ""
    setting: str = ""


def is_fine(reported: Iterable[ProbedStep | Finding], *, warned: bool = False) -> bool:
    """True if no step failed and no finding is an error or a warning; with ``warned``, if no step warned either."""
    wrong = ("failed", "warning") if warned else ("failed",)
    return not any(
        one.state in wrong if isinstance(one, ProbedStep) else one.level in ("error", "warning") for one in reported
    )


def to_values(one: ProbedStep | Finding) -> dict[str, Any]:
    """Return it as JSON can hold it."""
    values = asdict(one)
    if "seconds" in values:
        values["seconds"] = round(values["seconds"], 3)
    return values


def word(one: ProbedStep | Finding) -> str:
    """Return the one word that says how it went: the state of a step, the level of a finding."""
    return one.state if isinstance(one, ProbedStep) else one.level


def lines(one: ProbedStep | Finding) -> list[str]:
    """Return it as text: the word and the title, then, indented, the evidence, the remedy and the setting."""
    below = [one.evidence, one.remedy, one.setting if isinstance(one, Finding) else ""]
    return [f"[{word(one)}] {one.title}", *(f"    {line}" for line in below if line)]
