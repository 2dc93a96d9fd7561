"""A package, so that what its tests share ends with them: a server that nobody asks works on."""
