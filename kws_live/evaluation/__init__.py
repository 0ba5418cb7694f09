"""Measurements on clips, streams and talk, and of thresholds, all with the same `Pipeline` as live."""
