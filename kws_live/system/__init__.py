"""Operating system differences, and helpers for files, addresses and signals."""
