"""Both plugins for Protoface, ours and LiveKit's own, and the emulator they talk to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from livekit.plugins import protoface as livekits

from avatar_core import AvatarSession
from benchmarks.json_process import JsonProcess

Plugin = Literal["ours", "livekit's"]
PLUGINS: tuple[Plugin, Plugin] = ("ours", "livekit's")
PEER = "livekit-plugins-protoface"
AVATAR = "av_stock_001"
IDENTITY = "protoface-avatar-agent"
"""Of the avatar's participant, with either plugin."""


def make_avatar(plugin: Plugin, *, url: str, key: str) -> Any:
    """Make the avatar session of one plugin, with what both take."""
    if plugin == "ours":
        return AvatarSession(f"protoface/{AVATAR}", api_url=url, api_key=key)
    return livekits.AvatarSession(avatar_id=AVATAR, api_url=url, api_key=key)


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """Where the emulated Protoface is; see ``protoface_process``.

    Args:
        quiet: Nobody joins a room.
        rooms: Avatars join.
        far: As ``quiet``, over TLS and a long way.
        key: API key of all three.
        authority: Certificate that vouches for ``far``, PEM.
    """

    quiet: str
    rooms: str
    far: str
    key: str
    authority: str

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """Believe the certificate of ``far``, and no other, in this process.

        Both plugins read the variable when they open connections, as OpenSSL does.
        """
        before = os.environ.get("SSL_CERT_FILE")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "authority.pem"
            path.write_text(self.authority)
            os.environ["SSL_CERT_FILE"] = str(path)
            try:
                yield
            finally:
                if before is None:
                    del os.environ["SSL_CERT_FILE"]
                else:
                    os.environ["SSL_CERT_FILE"] = before


@asynccontextmanager
async def emulated() -> AsyncIterator[Emulator]:
    """Run the emulator in a process of its own."""
    process = await JsonProcess().start("protoface_process")
    try:
        yield Emulator(**await process.until(lambda line: "far" in line, timeout=60))
    finally:
        await process.stop()
