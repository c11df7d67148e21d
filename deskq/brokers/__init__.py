"""I/O with brokers: one interface, one module for each kind."""
