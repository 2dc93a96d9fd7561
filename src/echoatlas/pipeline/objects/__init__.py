"""One object from bytes to rows: the journey, its configuration, its fingerprints."""
