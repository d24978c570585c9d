"""A session of which books are kept: its entry in the journal, its record at the end."""

from __future__ import annotations

from avatar_core import AvatarSession, SessionRecord
from avatar_core.session.journal_entry import JournalEntry, journal_folder, stored_entries
from avatar_core.testing.call_stage import CallStage


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


def journal() -> list[JournalEntry]:
    folder = journal_folder()
    assert folder is not None
    return [each.entry for each in stored_entries(folder) if each.entry is not None]


def records_of(avatar: AvatarSession) -> list[SessionRecord]:
    records: list[SessionRecord] = []
    avatar.on("session_ended", records.append)
    return records
