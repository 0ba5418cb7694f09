"""Teach a word of your own from a few takes, in seconds, without a training library."""
