"""Every installed LiveKit avatar plugin as a provider, by the name ``livekit.<plugin>``."""
