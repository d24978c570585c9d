"""Calling one hook of one provider: deadline, isolation, extensions."""
