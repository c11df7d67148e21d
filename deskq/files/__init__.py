"""Files that are one process's, and files that are one person's."""

from __future__ import annotations
