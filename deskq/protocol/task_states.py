"""The states of a task, in the order in which histories number them: a new one goes to the end."""

from __future__ import annotations

from typing import Final

STATES: Final = (
    "SENT",
    "RECEIVED",
    "STARTED",
    "SUCCESS",
    "FAILURE",
    "RETRY",
    "REJECTED",
    "REVOKED",
    "LOST",
    "ENDED",
    "UNSEEN",
    "IGNORED",
)
