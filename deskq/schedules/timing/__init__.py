"""When schedules are due."""

from __future__ import annotations
