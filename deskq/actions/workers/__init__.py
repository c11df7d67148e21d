"""What workers are asked and told: remote control, revoking, aborting."""

from __future__ import annotations
