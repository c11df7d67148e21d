"""What a result backend keeps of a task, read raw: nothing is unpickled, no class looked up; aborting.py writes."""
