"""The model of the task list and of one task."""

from __future__ import annotations
