"""Keys, pseudonyms, and the sealed crosswalk."""
