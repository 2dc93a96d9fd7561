"""Bucket against lake: what is due and why, cut into batches."""
