"""Which frames show the same."""
