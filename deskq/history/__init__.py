"""Where task records are kept and found again: one SQLite file for each profile, one writer, any number of readers."""
