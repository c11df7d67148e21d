"""`python -m tests.support.paced_recorder '{"UNKNOWN_AFTER": 20}' record URL …`: the recorder with other periods.

What takes a minute in life is proved in less. The periods are the recorder's constants of those names.
"""

from __future__ import annotations

import importlib
import json
import sys

from deskq.cli import main


def set_periods(periods: dict[str, float]) -> None:
    """Set each constant wherever the recorder has it; one that it has not is an error of the test's."""
    importlib.import_module("deskq.recorder.process")
    modules = [module for name, module in sys.modules.items() if name.startswith("deskq.recorder.")]
    for name, seconds in periods.items():
        having = [module for module in modules if hasattr(module, name)]
        if not having:
            raise SystemExit(f"the recorder has no {name}")
        for module in having:
            setattr(module, name, seconds)


if __name__ == "__main__":
    set_periods(json.loads(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
