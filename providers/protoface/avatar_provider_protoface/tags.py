"""What a session is tagged with at Protoface, so that it can be found again."""

from __future__ import annotations

from dataclasses import dataclass

OWN_PREFIX = "avatar_core."
TAGS_BYTES = 2048
_LONGEST = 300

START = OWN_PREFIX + "start"
ROOM = OWN_PREFIX + "room"
AGENT = OWN_PREFIX + "agent"
JOB = OWN_PREFIX + "job"
VERSION = OWN_PREFIX + "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Whose session it is.

    Args:
        start: Key of the start that made it: tells it from every other one.
        room: Name of its LiveKit room.
        agent: Identity of the agent it speaks for.
        job: LiveKit job the agent runs in; None outside one.
    """

    start: str
    room: str
    agent: str
    job: str | None = None

    def metadata(self) -> dict[str, str]:
        """Return them as metadata."""
        tags = {START: self.start, ROOM: self.room, AGENT: self.agent, VERSION: version()}
        if self.job:
            tags[JOB] = self.job
        return {name: value[:_LONGEST] for name, value in tags.items()}


def version() -> str:
    """Return this package's version."""
    from importlib.metadata import version

    return version("avatar-provider-protoface")
