"""Python tracebacks as text: their frames, and which of them are the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FRAME: Final = re.compile(r'^  File "([^"\n]*)", line (\d+), in (.*)$')
_LIBRARY: Final = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python\d)[/\\.]|^<frozen ")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``lines`` are the source lines that follow it."""

    path: str
    line: int
    function: str
    lines: tuple[str, ...]

    @property
    def own(self) -> bool:
        """True if it lies in nobody's installed package and not in Python itself."""
        return _LIBRARY.search(self.path) is None


@dataclass(frozen=True, slots=True)
class Traceback:
    """The frames, outermost first, and what stands behind them: the exception's class and message."""

    frames: tuple[Frame, ...]
    message: str

    def own_first(self) -> str:
        """Write it for people: the message, then the user's frames, innermost first."""
        own = [frame for frame in reversed(self.frames) if frame.own]
        parts = [self.message, ""]
        for frame in own:
            parts.append(f"{frame.path}:{frame.line} in {frame.function}")
            parts += [f"    {line.strip()}" for line in frame.lines]
        hidden = len(self.frames) - len(own)
        if hidden:
            parts += ["", f"{hidden} library frames hidden above; the full traceback follows."]
        return "\n".join(parts)


def parse_traceback(text: str) -> Traceback:
    """Read the last traceback of a text (an exception may have been raised while another was handled)."""
    frames: list[Frame] = []
    message: list[str] = []
    lines: list[str] = []
    current: tuple[str, int, str] | None = None

    def finish() -> None:
        nonlocal current
        if current is not None:
            frames.append(Frame(*current, tuple(lines)))
            current = None
        lines.clear()

    for line in text.strip("\n").splitlines():
        found = _FRAME.match(line)
        if line.startswith("Traceback (most recent call last)"):
            finish()
            frames.clear()
            message.clear()
        elif found:
            finish()
            message.clear()
            current = (found[1], int(found[2]), found[3])
        elif line.startswith("    ") and current is not None:
            if line.strip(" ^~"):
                lines.append(line)
        elif line.strip('" '):
            finish()
            message.append(line)
    finish()
    return Traceback(tuple(frames), "\n".join(message).strip())
