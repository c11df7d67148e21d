"""Questions to a history, from any process: read-only connections."""

from __future__ import annotations
