"""The Queues view."""

from __future__ import annotations
