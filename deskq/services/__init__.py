"""What window and dialogs do with profiles, histories and brokers; signals, but no item models."""

from __future__ import annotations
