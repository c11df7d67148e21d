"""Marking tasks as aborted in a result backend."""

from __future__ import annotations
