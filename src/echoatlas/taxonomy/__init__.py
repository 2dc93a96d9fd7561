"""The words: the anatomy tree, vocabularies and adapters of public collections."""
