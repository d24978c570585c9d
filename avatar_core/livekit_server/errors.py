"""What can go wrong on the way to a running LiveKit server."""

from __future__ import annotations

from avatar_core.contract.errors import AvatarError


class LiveKitServerError(AvatarError, RuntimeError):
    """No LiveKit server could be found, built or started; the text says what to do."""
