"""The gate: what a batch made is held against suites of expectations before anybody sees it."""
