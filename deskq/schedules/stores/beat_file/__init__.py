"""The file of Celery's own PersistentScheduler, read in another process."""

from __future__ import annotations
