"""What the commands of the table do in the window and in the page that it shows; the palette of all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from deskq.views.shell.palette import PaletteEntry
from deskq.views.widgets.commands import COMMANDS, CommandKey
from deskq.views.widgets.page import Commands


class WindowCommands:
    """The window's commands, before those of its page; ``own`` and ``of_page`` say which there are now.

    ``say`` gets a sentence where a person must be told why nothing happens.
    """

    def __init__(
        self, own: Callable[[], Commands], of_page: Callable[[], Commands], say: Callable[[str], object]
    ) -> None:
        self._own = own
        self._of_page = of_page
        self._say = say

    def run(self, key: CommandKey) -> None:
        """Do what a command of the table says, if it means something here."""
        command = self._own().get(key) or self._of_page().get(key)
        if command is not None:
            command()
        elif key in ("undo", "redo"):
            self._say(f"There is nothing to {key} here. Actions are undone in the journal.")

    def offered(self) -> set[CommandKey]:
        """Return what means something here."""
        return {*self._own(), *self._of_page()}

    def entries(self) -> list[PaletteEntry]:
        """Return these commands for the palette."""
        offered = self.offered()
        return [
            PaletteEntry(command.title, command.keys[0] if command.keys else "", partial(self.run, command.key))
            for command in COMMANDS
            if command.key != "palette" and command.key in offered
        ]
