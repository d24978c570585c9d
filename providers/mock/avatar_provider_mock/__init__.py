"""The mock provider: the avatar you develop with, without a key and without a cloud."""
