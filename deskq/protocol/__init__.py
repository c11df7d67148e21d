"""Celery's wire formats as pure functions and values: no I/O, no Qt."""
