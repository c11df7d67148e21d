"""How numbers, times and foreign text are written for people."""

from __future__ import annotations

import html
import time
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Final

NONE: Final = "–"
_BAD: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def number(value: float | None) -> str:
    """1234567 -> "1,234,567"; None -> a dash."""
    return NONE if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """Events a second: one decimal below 10, two below 0.1; what is more than 0 is never "0.0"."""
    if value is None:
        return NONE
    if 0 < value < 0.095:
        return f"{value:.2f}" if value >= 0.01 else "< 0.01"
    return f"{value:,.1f}" if 0 < value < 9.95 else f"{value:,.0f}"


def total(values: Iterable[int | None]) -> str:
    """Their sum: with "≥" where some are unknown, a dash where all are, and "0" where there are none."""
    given = list(values)
    known = [value for value in given if value is not None]
    if given and not known:
        return NONE
    return f"{'≥ ' if len(known) < len(given) else ''}{number(sum(known))}"


def duration(seconds: float | None) -> str:
    """Seconds in fitting units: "8 ms", "1.28 s", "3 min 12 s", "2 h 5 min"."""
    if seconds is None:
        return NONE
    if seconds < 0.000_95:
        return f"{seconds * 1_000_000:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def runtime(seconds: float | None, *, exact: bool | None) -> str:
    """A duration, with "≈" where it is the difference of two event times."""
    return duration(seconds) if exact or seconds is None else f"≈ {duration(seconds)}"


def elapsed(moment: float, *, ahead: float | None = None) -> str:
    """How long ago a moment of another machine's clock was, which is ``ahead`` of ours; "unknown" if it is to come."""
    seconds = time.time() - moment + (ahead or 0.0)
    return duration(max(0.0, seconds)) if seconds > -1 else "unknown"


def clock_time(moment: float | None, now: float | None = None) -> str:
    """Epoch seconds as clock time if it is today, with the date if not; in the user's zone."""
    if moment is None:
        return ""
    local = time.localtime(moment)
    today = time.localtime(now)
    if local[:3] == today[:3]:
        return f"{local[3]:02}:{local[4]:02}:{local[5]:02}"
    return f"{local[0]}-{local[1]:02}-{local[2]:02} {local[3]:02}:{local[4]:02}"


def relative(moment: float | None, now: float | None = None) -> str:
    """ "12 s ago", "in 3 min"; "now" within a second."""
    if moment is None:
        return NONE
    distance = (time.time() if now is None else now) - moment
    if abs(distance) < 1:
        return "now"
    text = _coarse(abs(distance))
    return f"{text} ago" if distance > 0 else f"in {text}"


def exact_time(moment: float | None) -> str:
    """ISO 8601 with milliseconds and offset, in the user's zone."""
    if moment is None:
        return ""
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")


def byte_size(count: int) -> str:
    """1536 -> "1.5 KB"."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def plain(text: str) -> str:
    """Foreign text on one line: control, formatting and bidi characters become tokens that show."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_token(character) if unicodedata.category(character) in _BAD else character for character in text)


def as_they_are(names: Iterable[str]) -> list[str]:
    """Return the names that can be shown as they are: whoever chose a token would name something else."""
    return sorted({name for name in names if name and plain(name) == name})


def plain_lines(text: str) -> str:
    """The same for text of several lines."""
    return "\n".join(plain(line.replace("\t", "    ")) for line in text.split("\n"))


def tooltip(text: str) -> str:
    """Foreign text for a tooltip, which Qt would show as rich text if it looked like it: cut, and without markup."""
    shown = plain_lines(text[:4_000])
    if "<" not in shown:
        return shown
    lines = html.escape(shown, quote=False).replace("\n", "<br>")
    return f"<p style='white-space:pre-wrap'>{lines}</p>"


def count(number_of: int, one: str, many: str | None = None) -> str:
    """(1, "queue") -> "1 queue"; (3, "queue") -> "3 queues"."""
    return f"{number_of:,} {one if number_of == 1 else many or one + 's'}"


def _token(character: str) -> str:
    return {"\n": "⏎", "\r": "␍", "\t": "⇥", "\u2028": "⏎", "\u2029": "⏎"}.get(character, f"⟨U+{ord(character):04X}⟩")


def _coarse(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
