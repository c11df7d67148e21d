"""The editor of a schedule."""

from __future__ import annotations
