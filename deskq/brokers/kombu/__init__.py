"""Brokers that only kombu knows: watched, never written to."""

from __future__ import annotations
