"""A provider as small as one can be."""
