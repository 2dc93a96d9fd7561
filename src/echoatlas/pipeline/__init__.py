"""The verbs: steps from bytes to shards, and the engine that runs them. Start at ``journey``."""
