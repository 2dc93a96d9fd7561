"""The nouns: records, tables and configuration. Imports nothing of the other packages."""
