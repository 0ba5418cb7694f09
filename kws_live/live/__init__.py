"""The threads around one pipeline, and the way from an event to its callbacks."""
