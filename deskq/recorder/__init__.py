"""The recorder: a process that turns a broker's event stream into a history."""

from __future__ import annotations

from typing import Final

RECOVERED: Final = "The history can be written again."
"""What a recorder says when it can write again, after it had said that it could not."""
