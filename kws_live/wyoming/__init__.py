"""A server for the Wyoming protocol used by Home Assistant."""
