"""The saved profiles, their passwords, and what a person confirmed."""

from __future__ import annotations
