"""The tables of django-celery-beat."""

from __future__ import annotations
