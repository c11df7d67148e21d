"""What the overview shows."""

from __future__ import annotations
