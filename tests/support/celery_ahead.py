"""``python -m tests.support.celery_ahead SECONDS …`` is ``celery …`` on a machine whose clock is ahead."""

from __future__ import annotations

import sys
import time

if __name__ == "__main__":
    true_time, ahead = time.time, float(sys.argv.pop(1))
    time.time = lambda: true_time() + ahead  # before anything of Celery takes it

    from celery.__main__ import main

    main()
