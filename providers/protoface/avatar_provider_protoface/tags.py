"""What a session is tagged with at Protoface, so that it can be found again."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWN_PREFIX = "avatar_core."
TAGS_BYTES = 2048
_LONGEST = 300
"""Bytes of one tag's value as JSON writes it: a sign outside ASCII takes six, or twelve."""

_LONGEST_SIGN = 12

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
        return {name: _cut(value) for name, value in tags.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTags:
    """What the tags of a listed session say; None for what is not there or not whole.

    Args:
        agent: Identity of the agent it speaks for.
        job: LiveKit job the agent runs in.
        version: Version of this package that started it.
    """

    agent: str | None
    job: str | None
    version: str | None


def read(metadata: Mapping[str, Any]) -> ReadTags:
    """Read the tags of a session, whoever started it.

    Args:
        metadata: What Protoface keeps with it.
    """

    def whole(name: str) -> str | None:
        value = metadata.get(name)
        if not isinstance(value, str) or not value:
            return None
        # About as long as a tag may be, it may have been cut, and would name somebody else.
        return value if _written(value) <= _LONGEST - _LONGEST_SIGN else None

    return ReadTags(agent=whole(AGENT), job=whole(JOB), version=whole(VERSION))


def _cut(value: str) -> str:
    value = value[:_LONGEST]
    while _written(value) > _LONGEST:
        value = value[:-1]
    return value


def _written(value: str) -> int:
    """Bytes of a text in a request's body, without its quotes."""
    return len(json.dumps(value)) - 2


@functools.cache
def version() -> str:
    """Return this package's version; finding it reads files, once and not at every start."""
    from importlib.metadata import version

    return version("avatar-provider-protoface")
