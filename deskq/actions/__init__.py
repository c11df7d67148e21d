"""Changing what a broker holds: a plan, its preview, the journal, and carrying it out item by item."""
