"""What lies in a bucket, and the opaque name of each object."""
