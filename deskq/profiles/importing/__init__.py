"""Profiles from the settings of Celery apps and Django projects."""

from __future__ import annotations
