"""Words found in long recordings, by several processes, resumable."""
