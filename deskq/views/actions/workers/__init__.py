"""Dialogs that control workers."""

from __future__ import annotations
