"""What is known of workers and queues from events and polls."""

from __future__ import annotations
