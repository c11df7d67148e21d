"""The Journal view and the log of the event stream."""

from __future__ import annotations
