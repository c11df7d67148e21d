"""``deskq record``: a recorder in the foreground, as a service, or as the window's child."""

from __future__ import annotations

import json
import sys

from deskq.brokers.ports import LoginRefused
from deskq.cli.common import plain, profile_of
from deskq.cli.options.services import RecordOptions
from deskq.crash_log import CrashLog
from deskq.errors import UserError
from deskq.profiles import profile_from_json


def run(options: RecordOptions) -> int:
    """Record until interrupted, then print the summary as JSON."""
    from deskq.actions.journal.acted import JournalOfActs
    from deskq.recorder.process import parent_is_gone, record

    if options.child:
        profile = profile_from_json(sys.stdin.readline())
        if parent_is_gone():  # before anything is written: the demo's folders go with the demo
            return 0
    elif options.profile:
        profile = profile_of(options.profile, options)
    else:
        raise UserError("Give a broker: deskq record URL|PROFILE")
    path = profile.history_path()
    log = CrashLog("recorder")
    log.begin()
    log.hide(*profile.private_texts())
    if not options.child:
        print(
            f"deskq: recording {plain(profile.name)} into {plain(str(path))}; stop with Ctrl+C",
            file=sys.stderr,
            flush=True,
        )
    try:
        summary = record(profile, path, status_stream=sys.stderr, child=options.child, acted=JournalOfActs(profile))
    except LoginRefused as error:
        if not options.child:
            raise
        print(f"deskq: {plain(str(error))}", file=sys.stderr, flush=True)
        return LoginRefused.EXIT_STATUS
    finally:
        log.end()
    print(json.dumps(summary), flush=True)
    return 0
