"""A command's parser, which adds its options when it is used: ``deskq --help`` does not wait for those of others."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, Final

LEVELS: Final = ("debug", "info", "warning", "error")
"""As in deskq.log, which is imported only when a command runs."""
COLOURS: Final = ("auto", "always", "never")


class HelpFormatter(argparse.HelpFormatter):
    """Fills paragraphs but those of several lines; the line of usage does without the many options of a profile."""

    def add_usage(self, usage: Any, actions: Iterable[argparse.Action], groups: Any, prefix: Any = None) -> None:
        """See argparse.HelpFormatter."""
        super().add_usage(usage, [one for one in actions if not one.dest.startswith("profile.")], groups, prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = super()._fill_text
        return "\n\n".join(one if "\n" in one else filled(one, width, indent) for one in text.split("\n\n"))


class CommandParser(argparse.ArgumentParser):
    """A parser of one command."""

    mixes = False
    """May options stand between its positional arguments?"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", HelpFormatter)
        super().__init__(*args, **kwargs)
        self.color = False  # of argparse since Python 3.14: its escape sequences are not told from a broker's
        self._declares: Callable[[CommandParser], None] | None = _nothing

    def declares(self, declare: Callable[[CommandParser], None]) -> None:
        """Have arguments from the moment the command is the one that is given."""
        self._declares = declare

    def complete(self) -> None:
        """Add what is still to be added."""
        if self._declares is None:
            return
        declare, self._declares = self._declares, None
        declare(self)
        self.add_argument(
            "--color",
            choices=COLOURS,
            default=argparse.SUPPRESS,
            help="colours (default: auto, on a terminal only; $NO_COLOR and $FORCE_COLOR are respected)",
        )
        self.add_argument(
            "--log",
            metavar="LEVEL",
            choices=LEVELS,
            default=argparse.SUPPRESS,  # that of a command may stand before its verb or after it
            help=f"write a log to standard error: {', '.join(LEVELS)} (default: none, or $DESKQ_LOG)",
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See ArgumentParser; the command's own help is asked for in this way, too."""
        self.complete()
        if self.mixes:
            self.mixes = False  # it comes back here, twice
            try:
                return self.parse_known_intermixed_args(args, namespace)
            finally:
                self.mixes = True
        return super().parse_known_args(args, namespace)


def _nothing(_: CommandParser) -> None:
    pass
