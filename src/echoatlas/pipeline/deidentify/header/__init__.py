"""A new header by allow-list, and its check against PS3.15."""
