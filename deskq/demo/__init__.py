"""The demo: an embedded broker with a believable shop behind it. Starts only what it ends."""
