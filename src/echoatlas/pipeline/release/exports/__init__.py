"""Every trainer's own layout: one small module each, behind the table of ``pull``."""
