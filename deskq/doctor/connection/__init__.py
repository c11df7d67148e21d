"""The steps of a connection test."""

from __future__ import annotations
