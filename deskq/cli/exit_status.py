"""What deskq returns to the shell: one table for every command."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitStatus(IntEnum):
    """The exit statuses; a process that a signal ended has that of its shell, 128 and the signal's number."""

    DONE = 0
    FAILED = 1
    UNUSABLE = 2
    UNKNOWN = 3
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitStatus.DONE: "done, or nothing was left to do",
    ExitStatus.FAILED: "done in part or not at all, or the answer is no",
    ExitStatus.UNUSABLE: "not possible as asked: a wrong option, a refusal, an unreachable broker",
    ExitStatus.UNKNOWN: "the outcome of a change is unknown",
    ExitStatus.INTERRUPTED: "interrupted (Ctrl+C)",
}
"""As README.md and ``deskq --help`` say; a command's own help says what 1 means there."""
