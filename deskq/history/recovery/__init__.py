"""Damaged, moved and renamed histories: nothing readable is lost."""

from __future__ import annotations
