"""The recorder: a process that turns a broker's event stream into a history."""
