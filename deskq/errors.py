"""The one exception whose text is meant for the person at the screen."""

from __future__ import annotations


class UserError(Exception):
    """Something outside deskq is not as it must be, and a person can change that.

    The message is one sentence that says what to do; `details`, which may be empty, holds what helps to find out more
    (the server's own words, a path). Every other exception is a defect of deskq and reaches the crash dialog.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
