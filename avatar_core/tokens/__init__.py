"""Room tokens for avatar workers."""
