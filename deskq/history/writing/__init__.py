"""The one writer of a history and its tables."""

from __future__ import annotations
