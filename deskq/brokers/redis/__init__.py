"""Redis and Valkey: kombu's keys, read and written as kombu does."""

from __future__ import annotations
