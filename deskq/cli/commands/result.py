"""``deskq result``: what the result backend keeps of one task."""

from __future__ import annotations

from dataclasses import asdict

from deskq.cli.common import plain, profile_of
from deskq.cli.exit_status import ExitStatus
from deskq.cli.options.reading import ResultOptions
from deskq.plain_text import json_text
from deskq.results.opening import open_results


def run(options: ResultOptions) -> int:
    """Print the record; exit status 1 if there is none."""
    store = open_results(profile_of(options.profile, options))
    try:
        record = store.get(options.id)
    finally:
        store.close()
    if options.format == "json":
        values = asdict(record) if record is not None else None
        if values is not None:
            values["raw"] = values["raw"].decode("utf-8", "backslashreplace")
        print(json_text(values, default=str))
    elif record is None:
        print(f"No result for {plain(options.id)} in {store.place}: expired, or never stored.")
    else:
        for key, value in asdict(record).items():
            if value not in (None, "", b"") and key not in ("raw", "arguments_are_reprs"):
                print(f"{key:<10} " + "\n           ".join(plain(line) for line in str(value).splitlines()))
    return ExitStatus.DONE if record is not None else ExitStatus.FAILED
