"""A clip's pictures become stored frames: sampled, normalized, measured, annotated, encoded."""
