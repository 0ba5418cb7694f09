"""The Wyoming protocol's server, as Home Assistant uses it."""
