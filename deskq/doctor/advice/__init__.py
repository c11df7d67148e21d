"""Checks of a broker, its workers and queues, with what to do about each finding."""

from __future__ import annotations
