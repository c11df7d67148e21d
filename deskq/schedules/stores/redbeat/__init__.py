"""The keys of redbeat."""

from __future__ import annotations
