"""Readers of the corpora used for training."""
