"""Keys, pseudonyms, the sealed crosswalk."""
