"""One module for each command, imported when it runs."""

from __future__ import annotations
