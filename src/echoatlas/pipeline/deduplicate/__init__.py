"""Which frames and clips of a lake show the same, and what stands for what."""
