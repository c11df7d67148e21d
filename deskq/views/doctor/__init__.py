"""The Doctor view."""

from __future__ import annotations
