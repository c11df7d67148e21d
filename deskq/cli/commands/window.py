"""``deskq`` and ``deskq demo``: the commands that need Qt."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from deskq import paths
from deskq.cli.common import profile_of
from deskq.cli.options.services import DemoOptions, WindowOptions
from deskq.errors import UserError
from deskq.instance import forward_to_running
from deskq.profiles import Profile, ProfileFile
from deskq.profiles.guarding import holds_on


def run_window(options: WindowOptions) -> int:
    """Open the window on saved profiles and on those that were named."""
    profiles = [_opened(text, options) for text in options.profiles]
    if forward_to_running(profiles):  # before Qt is loaded
        return 0
    _need_qt({})
    from deskq.startup import run_window as run

    return run(profiles)


def _opened(text: str, options: WindowOptions) -> Profile:
    """Return the profile of a name, a URL or a history file."""
    path = paths.written(text)
    if "://" in text or not (paths.is_file(path) or path.suffix == ".sqlite"):
        return profile_of(text, options)
    from deskq.history.reading.reader import HistoryReader

    HistoryReader(path).close()  # says at once what is wrong with it
    return Profile.of_history(path.absolute())


def run_demo(options: DemoOptions) -> int:
    """Start the demo's services and show them."""
    _need_qt({"QT_QPA_PLATFORM": "offscreen"} if options.headless else {})
    if options.broker:
        _refuse_guarded(options.broker)
    from deskq.startup import run_demo as run

    pictures = Path(options.pictures) if options.pictures else None
    return run(
        headless=options.headless,
        seconds=options.seconds,
        pictures=pictures,
        broker_url=options.broker,
        rate=options.rate,
    )


def _refuse_guarded(url: str) -> None:
    """Raise UserError if a saved profile has to do with the broker: the demo writes there, and asks nobody."""
    for hold in holds_on([url], ProfileFile().guards()):
        raise UserError(f"The demo needs a broker of its own: “{hold.profile.name}” is saved, and {hold.words}.")


def _need_qt(more: dict[str, str]) -> None:
    """Raise UserError where no window can be opened; ``more``: what the environment will be told before."""
    if find_spec("PySide6") is None or find_spec("qasync") is None:
        raise UserError('The window needs Qt. Install it with: pip install "deskq[gui]"')
    from deskq.cli.qt_libraries import why_no_window

    if reason := why_no_window({**os.environ, **more}):
        raise UserError(reason)
