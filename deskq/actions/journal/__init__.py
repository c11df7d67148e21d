"""The journal of everything that deskq changed, on disk before the first byte leaves."""

from __future__ import annotations
