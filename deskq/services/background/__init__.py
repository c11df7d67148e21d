"""Work beside the event loop: tasks with an owner, threads that may wait for a person."""

from __future__ import annotations
