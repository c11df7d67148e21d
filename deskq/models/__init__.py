"""Qt item models over histories, and the sessions that feed them; no widgets."""
