"""The plan carried out exactly once: labels and duplicates renewed, books balanced."""
