"""A command's parser, which adds the options of a profile when it is used: to know them, profiles are imported."""

from __future__ import annotations

import argparse
from typing import Any, Final

LEVELS: Final = ("debug", "info", "warning", "error")
"""As in deskq.log, which is imported only when a command runs."""


class CommandParser(argparse.ArgumentParser):
    """A parser of one command; ``deskq --help`` and the parsers of other commands do not wait for its options."""

    mixes = False
    """May options stand between its positional arguments? argparse takes an empty list for them otherwise."""
    _takes_profile = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_argument(
            "--log",
            metavar="LEVEL",
            choices=LEVELS,
            default=argparse.SUPPRESS,  # that of a command may stand before its verb or after it
            help=f"write a log to standard error: {', '.join(LEVELS)} (default: none, or $DESKQ_LOG)",
        )

    def take_profile_options(self) -> None:
        """Have an option for each field of a profile, from the moment the command is the one that is given."""
        self._takes_profile = True

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add what is still to be added; the command's own help is asked for in this way, too."""
        if self._takes_profile:
            from deskq.cli.profile_options import add_profile_options

            self._takes_profile = False
            add_profile_options(self)
        if self.mixes:
            self.mixes = False  # it comes back here, twice
            try:
                return self.parse_known_intermixed_args(args, namespace)
            finally:
                self.mixes = True
        return super().parse_known_args(args, namespace)


def add_profile_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take the options of a profile."""
    assert isinstance(parser, CommandParser), parser
    parser.take_profile_options()


def mix_options(parser: argparse.ArgumentParser) -> None:
    """Let options stand between a command's positional arguments."""
    assert isinstance(parser, CommandParser), parser
    parser.mixes = True
