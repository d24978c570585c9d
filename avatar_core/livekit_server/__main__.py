"""Prepare the server ahead of its first use: ``python -m avatar_core.livekit_server``."""

from __future__ import annotations

import sys

from avatar_core.livekit_server.binary import livekit_server_binary
from avatar_core.livekit_server.errors import LiveKitServerError


def main() -> int:
    """Find or build the server; its path goes to stdout, progress and trouble to stderr."""
    try:
        path = livekit_server_binary(progress=_say)
    except LiveKitServerError as exc:
        _say(f"error: {exc}")
        return 1
    except KeyboardInterrupt:
        _say("stopped; what was half-built is removed")
        return 130
    sys.stdout.write(f"{path}\n")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
