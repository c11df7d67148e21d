"""Periodic tasks: what beat's stores keep, when they will run, and how they are changed."""
