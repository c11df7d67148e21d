"""Looking whether a broker can be used: the connection test in steps, and what a doctor would advise."""
