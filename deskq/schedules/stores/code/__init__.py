"""The beat_schedule of an app, read in another process."""

from __future__ import annotations
