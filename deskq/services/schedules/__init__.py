"""Following the schedules of a profile, and changing them."""

from __future__ import annotations
