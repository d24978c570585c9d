"""Protoface as an avatar-core provider."""
