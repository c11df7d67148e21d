"""Widgets, colours and fields that all views share."""

from __future__ import annotations
