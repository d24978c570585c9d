"""Whether a provider may have ended a session by itself, as it said it would."""

from __future__ import annotations

import time

from avatar_core.contract.sessions import StartedSession

EARLY_SECONDS = 5.0
EARLY_SHARE = 0.8
"""By how much sooner than announced a provider may end a session for its age or for silence: its
clock runs from another moment than ours."""


def explained_end(session: StartedSession, *, silent_since: float | None) -> str | None:
    """Say why a session's provider may have ended it by itself; None where nothing explains it.

    Args:
        session: The session.
        silent_since: Unix time since when it was given nothing to say; None while it speaks.
    """
    now = time.time()
    if session.expires_at is not None and now >= session.expires_at - EARLY_SECONDS:
        return "its session had lasted as long as it may"
    if session.idle_timeout is None or silent_since is None:
        return None
    patience = max(session.idle_timeout - EARLY_SECONDS, EARLY_SHARE * session.idle_timeout)
    idle = now - silent_since
    return f"nothing was said for {idle:.0f} s" if idle >= patience else None
