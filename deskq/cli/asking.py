"""A password that is missing or refused, asked for at the terminal: for this run only, and never shown."""

from __future__ import annotations

import getpass
import sys

from deskq.brokers.ports import LoginRefused
from deskq.cli.common import plain
from deskq.cli.options.shared import ProfileOptions
from deskq.errors import UserError
from deskq.profiles import Secret


def with_asked_password(options: object, error: UserError) -> ProfileOptions | None:
    """Return the options with what the person types.

    None where the error is another, nobody is there to ask, or nothing is typed.
    """
    if not isinstance(options, ProfileOptions) or not isinstance(error, LoginRefused):
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(f"deskq: {plain(str(error))}", file=sys.stderr)
    try:
        text = getpass.getpass("Password (not saved): ", stream=sys.stderr)
    except EOFError:
        return None
    return options.changed(asked_password=Secret(text)) if text else None
