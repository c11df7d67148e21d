"""What a result backend keeps of a task, read raw: nothing is unpickled, no class is looked up, nothing is written."""
