"""Finding words in long recordings with several processes; resumable."""
