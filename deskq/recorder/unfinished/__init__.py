"""Tasks whose end no event tells, and the witnesses that are asked about them."""

from __future__ import annotations
