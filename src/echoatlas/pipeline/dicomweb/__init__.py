"""A DICOMweb service as a kind of bucket: asked for instances one by one, each held to its UID."""
