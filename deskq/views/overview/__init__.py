"""The Overview."""

from __future__ import annotations
