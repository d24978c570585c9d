"""The command line ``avatar``."""
