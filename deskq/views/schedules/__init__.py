"""The Schedules views."""

from __future__ import annotations
