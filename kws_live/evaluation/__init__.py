"""Does it work? Clips, streams, talk, thresholds and archives, all through the one `Pipeline` that runs live."""
