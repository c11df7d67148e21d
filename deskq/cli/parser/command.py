"""What is declared of a command: its texts, the class of its options, and the function that runs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, NamedTuple

from deskq.cli.exit_status import MEANINGS, ExitStatus

_ALWAYS: Final = (ExitStatus.DONE, ExitStatus.UNUSABLE, ExitStatus.INTERRUPTED)


class CliCommand(NamedTuple):
    """A command. What it needs is imported when it is the one that was given.

    Attributes:
        name: one word, or two of a command below another
        text: one line, for the list of commands
        examples: command lines
        options: MODULE:CLASS in deskq.cli.options
        run: MODULE:FUNCTION in deskq.cli.commands
        more: what else a manual would say, sentences
        failed: what exit status 1 means, "" where the command has none
        unknown: what exit status 3 means, likewise
        mixes: may options stand between its positional arguments? argparse takes an empty list for them otherwise
    """

    name: str
    text: str
    examples: tuple[str, ...]
    options: str
    run: str
    more: str = ""
    failed: str = ""
    unknown: str = ""
    mixes: bool = False

    @property
    def description(self) -> str:
        """The text and what else there is to say."""
        return f"{self.text}\n\n{self.more}" if self.more else self.text

    @property
    def epilog(self) -> str:
        """Examples and exit statuses."""
        examples = "\n".join(f"  {example}" for example in self.examples)
        return f"{'examples' if len(self.examples) > 1 else 'example'}:\n{examples}\n\n{statuses(self.own_statuses)}"

    @property
    def own_statuses(self) -> dict[ExitStatus, str]:
        """The exit statuses of this command, and what they mean here."""
        own = {ExitStatus.FAILED: self.failed, ExitStatus.UNKNOWN: self.unknown}
        return {one: own.get(one) or MEANINGS[one] for one in MEANINGS if own.get(one) or one in _ALWAYS}

    def options_class(self) -> type[Any]:
        """Import the class of its options."""
        found: type[Any] = _imported(f"deskq.cli.options.{self.options}")
        return found

    def runner(self) -> Any:
        """Import what runs it."""
        return _imported(f"deskq.cli.commands.{self.run}")


def statuses(meanings: dict[ExitStatus, str]) -> str:
    """Return the section of a help about exit statuses."""
    return "\n".join(["exit status:", *(f"  {status:<4} {meaning}" for status, meaning in meanings.items())])


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
