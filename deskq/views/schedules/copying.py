"""Schedules on the clipboard, as text that people paste elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deskq.services.schedules.shown import ShownSchedule
from deskq.views.widgets.tables import copy_text


def copy_python(chosen: Sequence[ShownSchedule]) -> None:
    """Copy these as entries of a beat_schedule; what is broken is left out."""
    from deskq.schedules.text.python_source import to_python

    copy_text("\n".join(to_python(shown.entry) for shown in chosen if not shown.entry.problem))


def copy_redbeat(chosen: Sequence[ShownSchedule], say: Callable[[str], None]) -> None:
    """Copy these as redbeat keeps them, one JSON object a line; says what it cannot keep."""
    from deskq.services.schedules.following import redbeat_lines

    lines, problems = redbeat_lines(chosen)
    if problems:
        say("\n".join(problems))
    if lines:
        copy_text("\n".join(lines))
