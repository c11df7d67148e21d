"""A password that is missing or refused, asked for at the terminal: for this run only, and never shown."""

from __future__ import annotations

import argparse
import getpass
import sys

from deskq.brokers.ports import LoginRefused
from deskq.cli.common import plain
from deskq.errors import UserError
from deskq.profiles import Secret


def asked_password(options: argparse.Namespace, error: UserError) -> Secret | None:
    """Return what the person types; None where the error is another, nobody is there to ask, or nothing is typed."""
    named = getattr(options, "profile", None)
    if not isinstance(error, LoginRefused) or not named or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(f"deskq: {plain(str(error))}", file=sys.stderr)
    try:
        text = getpass.getpass("Password (not saved): ", stream=sys.stderr)
    except EOFError:
        return None
    return Secret(text) if text else None
