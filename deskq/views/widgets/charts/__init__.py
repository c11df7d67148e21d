"""Charts over time, and what they are drawn with."""

from __future__ import annotations
