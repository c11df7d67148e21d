"""The gate before the terminal: whatever a command prints, nothing foreign in it steers the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from deskq.plain_text import plain, plain_lines

_colours = "auto"
"""Of the process: it has one terminal."""


class PlainStream:
    """A text stream that writes tokens for control and formatting characters; the rest is the stream's own.

    Commands make each text plain where they print it, since only they know where a line ends. What one of them, a
    library's warning or a traceback lets through ends here.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """See TextIO."""
        self.stream.write(plain_lines(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """See TextIO."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def choose_colours(choice: str) -> None:
    """Have ``--color``: auto, always or never."""
    global _colours  # noqa: PLW0603 - the process has one terminal
    _colours = choice


def coloured(stream: TextIO) -> bool:
    """Whether what goes there has colours.

    ``--color`` goes before $NO_COLOR, that before $FORCE_COLOR; without them, terminals have colours.
    """
    if stream is not sys.stdout and stream is not sys.stderr:
        return False
    if _colours != "auto":
        return _colours == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def open_closed_streams() -> None:
    """Have all three standard streams: a file or a socket would get the number of one that was closed (``>&-``)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends


@contextlib.contextmanager
def plain_streams() -> Iterator[None]:
    """Within, standard error is plain, and so is standard output where it is a terminal.

    What goes into a pipe or a file stays as it is: a program reads it, and CSV and JSON hold no control characters.
    After an exception both stay, for the traceback that Python prints then.
    """
    before = sys.stdout, sys.stderr
    if before[0] is not None and before[0].isatty():
        sys.stdout = PlainStream(before[0])
    if before[1] is not None:
        sys.stderr = PlainStream(before[1])
    try:
        yield
    except Exception:
        raise
    except BaseException:
        sys.stdout, sys.stderr = before
        raise
    else:
        sys.stdout, sys.stderr = before


def say_progress(text: str) -> None:
    """Write over the present line of standard error."""
    stream = sys.stderr.stream if isinstance(sys.stderr, PlainStream) else sys.stderr
    print(f"\r{plain(text)}", end="\r", file=stream, flush=True)


def ask(question: str) -> str:
    """Return what a person answers on the terminal, "" where the input has ended."""
    try:
        return input(plain(question))
    except EOFError:
        return ""
