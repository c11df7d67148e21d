"""The parts of the dialog of profiles: the form, the list, and ways to import."""

from __future__ import annotations
