"""A crontab in words, made from the values that Celery reads and not from its text: what is said is what runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from deskq.schedules.timing.crontab_times import CrontabTimes

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SHOWN_TIMES: Final = 6
_LONG: Final = 5
"""So many numbers with equal distances are shown by the first three and the last."""
_RUN: Final = 3
"""So many neighbours are shown as "1 to 3"."""
_BOTH: Final = "; day of month and day of week must both match"


def crontab_words(times: CrontabTimes) -> str:
    """Return such as "every weekday at 07:30" or "every 5 minutes, from 09:00 to 17:55, only in May"."""
    any_day, any_weekday = len(times.days) == 31, len(times.weekdays) == 7
    clock = _clock_times(times)
    if clock and any_day:
        words = f"{_every_day(times.weekdays)} at {listed(clock)}"
    else:
        words = f"at {listed(clock)}" if clock else _pattern(times)
        if not any_day:
            words += f", on day{'s' if len(times.days) > 1 else ''} {_numbers(times.days)} of the month"
        if not any_weekday:
            words += f", only {_names(_from_monday(times.weekdays), DAYS, 'on')}"
    if len(times.months) < 12:
        words += f", only {_names([month - 1 for month in times.months], MONTHS, 'in')}"
    return words if any_day or any_weekday else words + _BOTH


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _clock_times(times: CrontabTimes) -> list[str]:
    """The wall times of a day, [] if they are many."""
    if len(times.hours) * len(times.minutes) > _SHOWN_TIMES or len(times.hours) == 24:
        return []
    return [f"{hour:02}:{minute:02}" for hour in times.hours for minute in times.minutes]


def _pattern(times: CrontabTimes) -> str:
    """How often within a day."""
    minutes, hours = times.minutes, times.hours
    all_hours = len(hours) == 24
    span = None if all_hours else _span(times)
    if len(minutes) == 1:
        minute = minutes[0]
        if all_hours:
            return "every hour, on the hour" if minute == 0 else f"every hour at minute {minute}"
        step = _step(hours, 24)
        if step > 1 and hours[0] == 0:
            return f"every {step} hours at minute {minute}"
        if span is not None:
            return f"every hour from {span[0]:02}:{minute:02} to {span[1]:02}:{minute:02}"
    elif step := _step(minutes, 60):
        words = "every minute" if step == 1 else f"every {step} minutes"
        if span is not None:
            return f"{words}, from {span[0]:02}:{minutes[0]:02} to {span[1]:02}:{minutes[-1]:02}"
        if minutes[0]:
            words += f" from minute {minutes[0]}"
        return words if all_hours else f"{words}, in the hours {_numbers(hours)}"
    words = f"at minute{'s' if len(minutes) > 1 else ''} {_numbers(minutes)}"
    if all_hours:
        return f"{words} of every hour"
    return f"{words} of the hour{'s' if len(hours) > 1 else ''} {_numbers(hours)}"


def _step(values: Sequence[int], size: int) -> int:
    """The distance of values that are evenly spread, also from the last to the first of the next round; else 0."""
    step = size // len(values)
    even = size % len(values) == 0 and all(later - earlier == step for earlier, later in pairwise(values))
    return step if even and len(values) > 1 else 0


def _span(times: CrontabTimes) -> tuple[int, int] | None:
    """The first and the last hour where they follow each other, over midnight only where every date matches."""
    hours = times.hours
    breaks = [place for place in range(1, len(hours)) if hours[place] - hours[place - 1] > 1]
    if not breaks:
        return hours[0], hours[-1]
    if len(breaks) == 1 and (hours[0], hours[-1]) == (0, 23) and times.any_date:
        return hours[breaks[0]], hours[breaks[0] - 1]
    return None


def _numbers(values: Sequence[int]) -> str:
    """ "1 to 7 and 15", "0, 7, 14 … 56"."""
    distances = {later - earlier for earlier, later in pairwise(values)}
    if len(values) >= _LONG and len(distances) == 1 and distances != {1}:
        return f"{', '.join(map(str, values[:3]))} … {values[-1]}"
    return listed([f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in _runs(values)])


def _runs(values: Sequence[int]) -> list[list[int]]:
    """Neighbours together where they are many, and all others alone."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return [part for run in runs for part in ([run] if len(run) >= _RUN else [[value] for value in run])]


def _names(places: Sequence[int], names: Sequence[str], word: str) -> str:
    if len(runs := _runs(places)) == 1 and len(runs[0]) >= _RUN:
        return f"from {names[places[0]]} to {names[places[-1]]}"
    return f"{word} {listed([names[place] for place in places])}"


def _from_monday(weekdays: Sequence[int]) -> list[int]:
    return sorted((day - 1) % 7 for day in weekdays)


def _every_day(weekdays: Sequence[int]) -> str:
    days = _from_monday(weekdays)
    if len(days) == 7:
        return "every day"
    if days == [0, 1, 2, 3, 4]:
        return "every weekday"
    return "every " + listed([DAYS[day] for day in days])
