"""The Workers view."""

from __future__ import annotations
