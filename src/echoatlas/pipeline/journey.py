"""One object's way from bytes to frames: the pipeline, in order. Who reads this has read it.

Steps know nothing of each other; this module strings them, and nothing else does.
"""
