"""A named, immutable version: selected, split, cut into shards, published, pulled, verified."""
