"""The table models that all lists share."""

from __future__ import annotations
