"""The hospital's command: files in, clean files and a report out, no lake."""
