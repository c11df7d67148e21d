"""The main window and what surrounds its views."""

from __future__ import annotations
