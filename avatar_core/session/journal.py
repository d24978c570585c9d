"""Writes down which sessions were asked for, for the case that this process is killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from avatar_core.log import logger
from avatar_core.session.journal_entry import (
    ENTRY_SUFFIX,
    JOURNAL_VARIABLE,
    KEPT_SECONDS,
    LOCK_SUFFIX,
    JournalEntry,
    StoredEntry,
    journal_folder,
    lock_state,
    stored_entries,
)

WRITE_SECONDS = 0.5
"""Seconds that a start waits for its intent to be written; it takes a thousandth of that."""

_journals: dict[tuple[int, Path], Journal] = {}
_warned: set[str] = set()


def open_journal() -> Journal | None:
    """Return this process's journal; None where it is switched off or has no place."""
    try:
        folder = journal_folder()
    except RuntimeError:
        _warn_once("there is no home folder to keep it in")
        return None
    if folder is None:
        return None
    # By process: what was forked has none of the threads and locks of what it was forked from.
    return _journals.setdefault((os.getpid(), folder), Journal(folder))


class Journal:
    """One small file for each session that was asked for and is not known to be over.

    A thread does the writing, for a disk may stand still and an agent's event loop must not. It
    lives as long as there is something to write.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._work: deque[Callable[[], None]] = deque()
        self._writing = False
        self._given_up = False
        self._swept = False
        # Only the writing thread touches these.
        self._entries: dict[str, JournalEntry] = {}
        self._lock: tuple[str, int] | None = None

    async def intend(self, entry: JournalEntry) -> None:
        """Write down that a session is about to be asked for; it never fails, and is brief.

        Args:
            entry: What is known of it.
        """
        self._submit(lambda: self._begin(entry))
        await self.settle()

    def note_id(self, key: str, session_id: str | None) -> None:
        """Add the id that the provider gave a session.

        Args:
            key: Idempotency key of its start.
            session_id: The id.
        """
        self._submit(lambda: self._add_id(key, session_id))

    def cross_out(self, key: str) -> None:
        """Forget a session: it is over, or never was.

        Args:
            key: Idempotency key of its start.
        """
        self._submit(lambda: self._remove(key))

    async def settle(self) -> None:
        """Wait, briefly, until all of it is on the disk."""
        if self._given_up and self._writing:
            return  # one call was kept waiting; the others are not, until it has caught up
        self._given_up = False
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()

        def told() -> None:
            if not settled.done():
                settled.set_result(None)

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(told)

        self._submit(tell)
        await asyncio.wait([settled], timeout=WRITE_SECONDS)
        if not settled.done():
            self._given_up = True
            self._cannot(f"writing takes more than {WRITE_SECONDS:g} s")

    # --- how, in the writing thread ------------------------------------------------------------

    def _begin(self, entry: JournalEntry) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = self._take_lock()
        entry = replace(entry, lock=self._lock[0] if self._lock else None)
        self._write(entry)
        self._entries[entry.idempotency_key] = entry
        if not self._swept:
            self._swept = True
            self._submit(self._sweep)

    def _add_id(self, key: str, session_id: str | None) -> None:
        if key in self._entries:
            self._entries[key] = replace(self._entries[key], session_id=session_id)
            self._write(self._entries[key])

    def _remove(self, key: str) -> None:
        if self._entries.pop(key, None) is None:
            return
        self._path(key).unlink(missing_ok=True)
        if not self._entries and self._lock is not None:
            name, handle = self._lock
            self._lock = None
            (self._folder / name).unlink(missing_ok=True)
            os.close(handle)

    def _write(self, entry: JournalEntry) -> None:
        path = self._path(entry.idempotency_key)
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(entry.to_json() + "\n")
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _take_lock(self) -> tuple[str, int] | None:
        """Lock a file for as long as this process lives; None where nothing can be locked."""
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}{LOCK_SUFFIX}"
        # Locked before it has its name: nobody finds it unlocked while its process lives.
        draft = self._folder / f".{name}"
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.replace(self._folder / name)
        except OSError:
            os.close(handle)
            draft.unlink(missing_ok=True)
            return None
        return name, handle

    def _sweep(self) -> None:
        sweep(self._folder, own=self._lock[0] if self._lock else None)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{ENTRY_SUFFIX}"

    def _submit(self, work: Callable[[], None]) -> None:
        with self._guard:
            self._work.append(work)
            if self._writing:
                return
            self._writing = True
        try:
            threading.Thread(target=self._run, name="avatar-journal", daemon=True).start()
        except RuntimeError:  # the interpreter is on its way out
            self._writing = False

    def _run(self) -> None:
        while True:
            with self._guard:
                if not self._work:
                    self._writing = False
                    return
                work = self._work.popleft()
            try:
                work()
            except OSError as exc:
                self._cannot(type(exc).__name__)

    def _cannot(self, reason: str) -> None:
        _warn_once(f"{self._folder} cannot be written ({reason})")


def sweep(folder: Path, *, own: str | None = None) -> None:
    """Remove what is too old to be of use, and locks of processes that left nothing.

    Args:
        folder: Where the journal lies.
        own: Name of this process's lock.

    Raises:
        OSError: The folder cannot be read or written.
    """
    locks = {own}
    for stored in stored_entries(folder):
        if _is_old(stored):
            entry = stored.entry
            logger.warning(
                "an old entry is removed from the journal of avatar sessions; if its session was"
                " not ended meanwhile, nobody here ends it",
                extra={
                    "provider": entry.provider if entry else None,
                    "session_id": entry.session_id if entry else None,
                },
            )
            stored.path.unlink(missing_ok=True)
        elif stored.entry is not None:
            locks.add(stored.entry.lock)
    for path in folder.iterdir():
        left = path.name.endswith(LOCK_SUFFIX) and path.name not in locks
        # Drafts whose writer was killed; one that is being written is a moment old.
        if left and path.name[0] != "." and lock_state(path) == "gone":
            path.unlink(missing_ok=True)
        elif path.name[0] == "." and time.time() - path.lstat().st_mtime > KEPT_SECONDS:
            path.unlink(missing_ok=True)


def _is_old(stored: StoredEntry) -> bool:
    since = stored.entry.created_at if stored.entry else stored.written
    return time.time() - since > KEPT_SECONDS and stored.state() != "alive"


def _warn_once(reason: str) -> None:
    if reason not in _warned:
        _warned.add(reason)
        logger.warning(
            "the journal of avatar sessions is not kept: %s. Sessions of an agent that is killed"
            " are then found through their rooms only; %s names another folder, or switches it off",
            reason,
            JOURNAL_VARIABLE,
        )
