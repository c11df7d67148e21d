"""The command line. Modules are imported by the command that needs them: ``--version`` needs none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deskq.cli.parser.parser import Given


PYTHON_OPTIONS = ["-P", "-m"]
"""What deskq gives to its own Python (see system.python_command): in the packaged folder that is deskq itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run deskq and return its exit status; see deskq/cli/exit_status.py."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:2] == PYTHON_OPTIONS and getattr(sys, "frozen", False):
        return _run_module(given[2:])
    if given == ["--version"]:
        from deskq import __version__

        print(f"deskq {__version__}")
        return 0
    return _run(given)


def _run_module(given: list[str]) -> int:
    """Run a module that came with deskq, as Python would by ``-m``."""
    import runpy

    sys.argv = given  # the module's own path is put in its place
    runpy.run_module(given[0], run_name="__main__", alter_sys=True)
    return 0


def _status(given: Given) -> int:
    """Run the command; where its password is refused, ask the person at the terminal for another, once."""
    from deskq.errors import UserError

    run = given.command.runner()
    try:
        return int(run(given.options))
    except UserError as error:
        from deskq.cli.asking import with_asked_password

        options = with_asked_password(given.options, error)
        if options is None:
            raise
    return int(run(options))


def _begin_log(level: str) -> None:
    """``--log`` goes before the environment; a level in that which is none is said, and nothing is logged."""
    import os

    from deskq import log

    try:
        log.begin(level or os.environ.get(log.VARIABLE, "").lower())
    except ValueError:
        log.begin()
        print(f"deskq: {log.VARIABLE} must be one of {', '.join(log.LEVELS)}.", file=sys.stderr)


def _run(given: list[str]) -> int:
    from deskq.cli.terminal import open_closed_streams, plain_streams
    from deskq.system import private_files

    open_closed_streams()
    with private_files(), plain_streams():
        return _carry_out(given)


def _carry_out(given: list[str]) -> int:
    import contextlib
    import errno

    from deskq.cli.exit_status import ExitStatus
    from deskq.cli.terminal import choose_colours
    from deskq.errors import UserError

    for stream in (sys.stdout, sys.stderr):  # half a character of a surrogate pair, from a broker or an argument
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        from deskq.cli.parser.parser import parse

        asked = parse(given)
        _begin_log(asked.log)
        choose_colours(asked.color)
        status = _status(asked)
        with contextlib.suppress(ValueError, AttributeError):
            sys.stdout.flush()
        return status
    except UserError as error:
        from deskq.cli.common import plain

        print(f"deskq: {plain(str(error))}", file=sys.stderr)  # a broker's or a project's words may be in it
        return ExitStatus.UNUSABLE
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is not None:
            raise
        print(f"deskq: The output cannot be written: {error.strerror}. Free some space.", file=sys.stderr)
        _drop_output()
        return ExitStatus.FAILED


def _drop_output() -> None:
    """What is still to be written to standard output goes nowhere: Python would try it again at its end."""
    import contextlib
    import os

    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
