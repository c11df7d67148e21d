"""What the schedules' calendar shows."""

from __future__ import annotations
