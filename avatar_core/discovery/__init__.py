"""Finds installed providers and extensions, checks them, and resolves what the caller chose."""
