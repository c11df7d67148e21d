"""``deskq doctor`` and ``deskq profiles test``: what works and what does not, line by line as it is found out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

from deskq.cli.colour import Colour, Painted, say
from deskq.cli.common import plain, profile_of
from deskq.cli.exit_status import ExitStatus
from deskq.cli.options.reading import DoctorOptions
from deskq.doctor.advice.general import examine
from deskq.doctor.connection.steps import examine_connection
from deskq.doctor.finding import Finding, ProbedStep, is_fine, to_values, word
from deskq.plain_text import json_text
from deskq.profiles import Profile

_MARKS: Final = {
    "ok": ("✓", Colour.GREEN),
    "warning": ("!", Colour.YELLOW),
    "failed": ("✗", Colour.RED),
    "error": ("✗", Colour.RED),
    "skipped": ("–", None),
    "not-asked": ("–", None),
    "advice": ("·", Colour.BLUE),
}
_TITLE_WIDTH: Final = 32


def run(options: DoctorOptions) -> int:
    """Examine a broker; the exit status is 0 if nothing failed, and nothing is an error or a warning."""
    profile = profile_of(options.profile, options)
    examination = examine(profile, history=profile.history_path(), cancelled=_never)
    return _report(profile, examination, options.format, warned=True)


def test(options: DoctorOptions) -> int:
    """Test the connection; the exit status is 0 if no step failed."""
    profile = profile_of(options.profile, options)
    return _report(profile, examine_connection(profile, cancelled=_never), options.format, warned=False)


def _never() -> bool:
    return False


def _report(profile: Profile, examination: Iterator[ProbedStep | Finding], form: str, *, warned: bool) -> int:
    seen: list[ProbedStep | Finding] = []
    with contextlib.closing(examination):  # type: ignore[type-var]
        for one in examination:
            seen.append(one)
            if form == "table":
                _say(one)
    fine = is_fine(seen, warned=warned)
    if form == "json":
        report = {
            "profile": profile.name,
            "url": profile.url,
            "steps": [to_values(one) for one in seen if isinstance(one, ProbedStep)],
            "findings": [to_values(one) for one in seen if isinstance(one, Finding)],
            "ok": fine,
        }
        print(json_text(report, indent=2))
    return ExitStatus.DONE if fine else ExitStatus.FAILED


def _say(one: ProbedStep | Finding) -> None:
    """A mark, the title and the evidence; below, indented, what to do and the line that does it."""
    how = f" ({word(one)})" if word(one) in ("skipped", "not-asked", "advice") else ""
    mark, colour = _MARKS[word(one)]
    title = plain(one.title + how)
    say(Painted(mark, colour) if colour else mark, f" {title:<{_TITLE_WIDTH}}  {plain(one.evidence)}".rstrip())
    for line in (one.remedy, one.setting if isinstance(one, Finding) else ""):
        if line:
            say(f"    {line}")
    sys.stdout.flush()
