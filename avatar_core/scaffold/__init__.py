"""Writes a new provider's package, which works as it is written."""
