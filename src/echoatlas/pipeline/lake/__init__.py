"""The one room that knows Delta: tables, staged files, write-ahead log, lock."""
