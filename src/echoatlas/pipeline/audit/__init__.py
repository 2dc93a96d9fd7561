"""The privacy officer's proof: what was done, what people saw, how far the rest can be trusted."""
