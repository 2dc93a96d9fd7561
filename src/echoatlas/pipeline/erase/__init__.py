"""A patient, a site or a collection leaves: out of tables, releases and caches, with a proof."""
