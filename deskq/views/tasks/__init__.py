"""The Tasks view and the detail of a task."""

from __future__ import annotations
