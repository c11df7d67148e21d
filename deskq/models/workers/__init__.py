"""What is shown of workers."""

from __future__ import annotations
