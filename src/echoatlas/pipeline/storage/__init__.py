"""Folders of bytes, here or in S3: listed, read, put on condition, fetched once."""
