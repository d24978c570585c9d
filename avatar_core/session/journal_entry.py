"""What the journal of sessions holds, where it lies, and how it is read."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from avatar_core.session.process_identity import ProcessIdentity, ProcessState, this_process

JOURNAL_VARIABLE = "AVATAR_JOURNAL"
"""``off``, or the folder to write to."""

KEPT_SECONDS = 7 * 86400.0
"""Age above which what a dead process left is removed: no session lives that long."""

ENTRY_SUFFIX = ".json"
LOCK_SUFFIX = ".alive"
_VERSION = 1
_LARGEST = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A session that was asked for and is not known to be over.

    Args:
        provider: Where.
        idempotency_key: Of the start.
        session_id: The provider's id of it; None until its answer has come.
        livekit_url: Server of its room, without credentials; None where nobody joins one.
        room: Name of that room.
        agent_identity: Identity of the agent it speaks for.
        avatar_identity: Identity of its avatar.
        created_at: Unix time of the intent.
        process: Who wrote it.
        lock: Name of the file that this process keeps locked; None where it cannot.
    """

    provider: str
    idempotency_key: str
    session_id: str | None
    livekit_url: str | None
    room: str | None
    agent_identity: str | None
    avatar_identity: str
    created_at: float
    process: ProcessIdentity
    lock: str | None = None

    @property
    def age(self) -> float:
        """Seconds since the intent."""
        return max(0.0, time.time() - self.created_at)

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(
            {
                "version": _VERSION,
                "provider": self.provider,
                "idempotency_key": self.idempotency_key,
                "session_id": self.session_id,
                "livekit_url": self.livekit_url,
                "room": self.room,
                "agent_identity": self.agent_identity,
                "avatar_identity": self.avatar_identity,
                "created_at": self.created_at,
                "host": self.process.host,
                "process_id": self.process.pid,
                "process_started": self.process.started,
                "process_namespace": self.process.namespace,
                "lock": self.lock,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> JournalEntry:
        """Read one.

        Raises:
            ValueError: It is none, or one of a version that is not known here.
        """
        try:
            facts = json.loads(text)
        except RecursionError as exc:
            raise ValueError("not an entry") from exc
        if not isinstance(facts, dict) or facts.get("version") != _VERSION:
            raise ValueError("not an entry of this version")
        return cls(
            provider=_text(facts, "provider"),
            idempotency_key=_text(facts, "idempotency_key"),
            session_id=_text_or_none(facts, "session_id"),
            livekit_url=_text_or_none(facts, "livekit_url"),
            room=_text_or_none(facts, "room"),
            agent_identity=_text_or_none(facts, "agent_identity"),
            avatar_identity=_text(facts, "avatar_identity"),
            created_at=_number(facts, "created_at"),
            process=ProcessIdentity(
                host=_text(facts, "host"),
                pid=int(_number(facts, "process_id")),
                started=_text(facts, "process_started"),
                namespace=_text(facts, "process_namespace"),
            ),
            lock=_text_or_none(facts, "lock"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it lies in its folder.

    Args:
        path: Its file.
        entry: What is in it; None where that is no entry.
        written: Unix time at which the file was written.
    """

    path: Path
    entry: JournalEntry | None
    written: float

    def state(self) -> ProcessState:
        """Tell whether the process that wrote it runs.

        Its lock is asked first: the system gives it back when the process is gone, however it
        went, and in whatever container it ran. Its number is for where nothing can be locked.
        """
        if self.entry is None:
            return "unknown"
        process, here = self.entry.process, this_process()
        if process == here:
            return "alive"  # and its lock must not be touched: closing the file would give it back
        locked = None
        if self.entry.lock is not None:
            locked = lock_state(self.path.parent / Path(self.entry.lock).name)
        numbered = process.state()
        if "alive" in (locked, numbered):
            return "alive"
        if process.host != here.host:
            return "unknown"
        return "gone" if "gone" in (locked, numbered) else "unknown"


def journal_folder() -> Path | None:
    """Return where the journal lies; None where it is switched off.

    Raises:
        RuntimeError: There is no home folder, and nothing else was named.
    """
    given = os.environ.get(JOURNAL_VARIABLE, "").strip()
    if given.lower() == "off":
        return None
    if given:
        return Path(given).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "avatar-core" / "sessions"


def stored_entries(folder: Path) -> Iterator[StoredEntry]:
    """Read a journal; a file that is not one's own to believe is left out.

    Args:
        folder: Where it lies; one that is not there has no entries.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        names = sorted(each.name for each in os.scandir(folder) if each.name[:1] != ".")
    except FileNotFoundError:
        return
    for name in names:
        if name.endswith(ENTRY_SUFFIX) and (found := _read(folder / name)) is not None:
            yield found


def lock_state(path: Path) -> ProcessState | None:
    """Tell whether a process holds its lock; None where it has none, or nobody can tell."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return "alive"
    except OSError:
        return None
    finally:
        os.close(handle)
    return "gone"


def without_credentials(url: str) -> str:
    """Return a server's url with nothing in it but where the server is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _read(path: Path) -> StoredEntry | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None  # crossed out meanwhile, a link, or somebody else's
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        # Whoever could plant an entry in a shared folder could have sessions ended.
        if not stat.S_ISREG(facts.st_mode) or os.geteuid() not in (0, facts.st_uid):
            return None
        raw = file.read(_LARGEST)
    try:
        entry = JournalEntry.from_json(raw.decode())
    except (ValueError, OverflowError):
        entry = None
    return StoredEntry(path=path, entry=entry, written=facts.st_mtime)


def _text(facts: dict[str, Any], name: str) -> str:
    value = facts.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _text_or_none(facts: dict[str, Any], name: str) -> str | None:
    return None if facts.get(name) is None else _text(facts, name)


def _number(facts: dict[str, Any], name: str) -> float:
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is no number")
    return float(value)
