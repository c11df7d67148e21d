"""How bodies are wrapped, compressed and serialized on their way; nothing here knows what they say."""

from __future__ import annotations
