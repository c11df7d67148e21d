"""The states of a task: their order, their words, the group that each is shown in, and which of them end a task.

A task may have a state of its own, too, which ``send_event`` tells: it runs then.
"""

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
"""As histories number them: a new one goes to the end."""

STATE_WORDS: Final = {
    "SENT": "Sent",
    "RECEIVED": "Waiting",
    "STARTED": "Running",
    "SUCCESS": "Success",
    "FAILURE": "Failed",
    "RETRY": "Retrying",
    "REJECTED": "Rejected",
    "REVOKED": "Revoked",
    "LOST": "Lost",
    "ENDED": "Ended (no event)",
    "UNSEEN": "End missed",
    "IGNORED": "Ignored",
}

RUNNING: Final = "running"
STATES_OF_GROUP: Final = {
    "waiting": ("SENT", "RECEIVED"),
    RUNNING: ("STARTED",),
    "success": ("SUCCESS",),
    "failure": ("FAILURE",),
    "retry": ("RETRY",),
    "revoked": ("REVOKED", "REJECTED"),
    "lost": ("LOST", "ENDED", "UNSEEN", "IGNORED"),
}
"""In the order in which groups are shown."""
GROUP_OF_STATE: Final = {state: group for group, states in STATES_OF_GROUP.items() for state in states}

NOT_STARTED: Final = frozenset({*STATES_OF_GROUP["waiting"], *STATES_OF_GROUP["retry"]})
FINAL_STATES: Final = frozenset(STATES) - NOT_STARTED - {"STARTED"}
NOTED_STATES: Final = FINAL_STATES - {"REJECTED"}
"""The states that a recorder may have noted where no event told of them."""
