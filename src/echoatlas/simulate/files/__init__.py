"""Made-up scans as files of every format."""
