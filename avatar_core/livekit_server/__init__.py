"""A LiveKit server of one's own on this machine, for the demo and for tests.

Nothing here is needed where ``LIVEKIT_URL`` points to a server. Standard library only.
"""

from __future__ import annotations

from avatar_core.livekit_server.binary import VERSION, Progress, livekit_server_binary
from avatar_core.livekit_server.errors import LiveKitServerError
from avatar_core.livekit_server.process import LiveKitServer

__all__ = [
    "VERSION",
    "LiveKitServer",
    "LiveKitServerError",
    "Progress",
    "livekit_server_binary",
]
