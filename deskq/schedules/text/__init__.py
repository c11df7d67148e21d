"""Schedules as sentences, as text and as code."""

from __future__ import annotations
