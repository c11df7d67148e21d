"""The commands' options, declared without importing what carries them out."""

from __future__ import annotations
