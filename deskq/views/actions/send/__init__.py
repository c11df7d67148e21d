"""The dialog that sends a task."""

from __future__ import annotations
