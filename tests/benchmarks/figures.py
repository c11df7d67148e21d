"""The figures of a run: collected, printed beside their goals, kept in build/bench.json, never asserted."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

SHORT: Final = os.environ.get("DESKQ_BENCH", "full") == "short"
"""DESKQ_BENCH=short: a tenth of every size, to try the benchmarks themselves."""


def size(full: int) -> int:
    """Return how many of something this run uses, of ``full``."""
    return full // 10 if SHORT else full


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured. ``goal``: None if there is none, a negative one is a limit that must not be passed."""

    name: str
    figure: float
    unit: str
    goal: float | None = None

    @property
    def reached(self) -> bool | None:
        """None without a goal."""
        if self.goal is None:
            return None
        return self.figure <= -self.goal if self.goal < 0 else self.figure >= self.goal


class Figures:
    """Collects the figures of a run."""

    def __init__(self) -> None:
        self.all: list[Figure] = []

    def at_least(self, name: str, figure: float, goal: float, unit: str) -> None:
        """Add one that should be large."""
        self.all.append(Figure(name, figure, unit, goal))

    def at_most(self, name: str, figure: float, goal: float, unit: str) -> None:
        """Add one that should be small."""
        self.all.append(Figure(name, figure, unit, -goal))

    def note(self, name: str, figure: float, unit: str) -> None:
        """Add one that only explains others."""
        self.all.append(Figure(name, figure, unit))

    def table(self) -> str:
        """Return an aligned table."""
        width = max((len(one.name) for one in self.all), default=0)
        lines = []
        for one in self.all:
            goal = "" if one.goal is None else f"{'<=' if one.goal < 0 else '>='} {number(abs(one.goal))}"
            verdict = {None: "", True: "reached", False: "NOT REACHED"}[one.reached]
            lines.append(f"{one.name:<{width}} {number(one.figure):>12} {one.unit:<14} {goal:<11} {verdict}".rstrip())
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        """Write them as JSON, over those of the same names in the file: a part of the benchmarks may run alone."""
        path.parent.mkdir(exist_ok=True)
        before = json.loads(path.read_text()) if path.exists() else []
        known = {one.name for one in self.all}
        kept = [old for old in before if isinstance(old, dict) and old.get("name") not in known]
        new = [{**asdict(one), "goal": one.goal and abs(one.goal), "reached": one.reached} for one in self.all]
        path.write_text(json.dumps(kept + new, indent=2))


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which ``part`` of the values lie, 0.0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0
