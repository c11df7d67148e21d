"""Options of the window, the demo, the recorder and the shells' completion."""

from __future__ import annotations

from typing import Final

from deskq.cli.options.declaring import (
    Options,
    flag,
    hidden_flag,
    number,
    optional_positional,
    positional_choice,
    positionals,
    string,
)
from deskq.cli.options.shared import ProfileOptions

SHELLS: Final = ("bash", "zsh", "fish")


class WindowOptions(ProfileOptions):
    """See ``deskq window --help``."""

    profiles: tuple[str, ...] = positionals("URL|PROFILE|PATH", "what to show besides saved profiles")


class DemoOptions(Options):
    """See ``deskq demo --help``."""

    headless: bool = flag("--headless", "run without a window: save pictures, print a summary, exit")
    seconds: float = number("--seconds", "N", "seconds of traffic (headless)", default=20.0)
    pictures: str = string("--pictures", "DIR", "where to save a picture of every view (headless)")
    broker: str = string("--broker", "URL", "use this empty Redis database instead of the embedded server")
    rate: float = number("--rate", "N", "tasks a second", default=25.0)


class RecordOptions(ProfileOptions):
    """See ``deskq record --help``."""

    profile: str = optional_positional("URL|PROFILE", "a broker's URL or a profile's name")
    child: bool = hidden_flag("--child")


class CompletionOptions(Options):
    """See ``deskq completion --help``."""

    shell: str = positional_choice("SHELL", ", ".join(SHELLS), choices=SHELLS)
