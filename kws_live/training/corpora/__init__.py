"""Readers of the corpora that training and its negatives come from."""
