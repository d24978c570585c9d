"""The sessions of the mock in this process: what a vendor's cloud would hold."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence

from avatar_core.contract.audio_routes import DataStream, Discard
from avatar_core.contract.errors import ProviderQuotaError, ProviderUnavailableError
from avatar_core.contract.models import ListedSession, StartedSession, StartRequest
from avatar_provider_mock.avatar_run import Avatar, AvatarRun
from avatar_provider_mock.options import MockOptions
from avatar_provider_mock.start_failures import start_failure

logger = logging.getLogger("avatar_provider_mock")


async def _avatar_class(worker: str) -> Callable[..., Avatar]:
    """Import what a worker needs in a thread: drawing libraries must not hold up the agent."""

    def load() -> Callable[..., Avatar]:
        if worker == "process":
            from avatar_provider_mock.process_avatar import ProcessAvatar

            return ProcessAvatar
        from avatar_provider_mock.inline_avatar import InlineAvatar

        return InlineAvatar

    return await asyncio.to_thread(load)


class _Session:
    def __init__(self, request: StartRequest, started: StartedSession, run: AvatarRun | None):
        self.key = request.idempotency_key
        self.room = request.room.name if request.room else None
        self.created_at = time.time()
        self.started = started
        self.run = run


class MockSessions:
    """Starts and ends avatars, one a session, with the manners each was told to have."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._end_failures: dict[str, int] = {}

    async def start(self, request: StartRequest) -> StartedSession:
        """Start an avatar as the options say.

        Raises:
            ProviderQuotaError: ``session_cap`` sessions run.
            ProviderError: It was told to fail.
        """
        options: MockOptions = request.options
        if options.fail is not None and options.fail != "uncertain":
            raise start_failure(options.fail)
        if options.session_cap is not None and len(self._sessions) >= options.session_cap:
            raise ProviderQuotaError(
                f"{len(self._sessions)} of {options.session_cap} concurrent mock sessions in use:"
                " aclose() one first",
                status_code=429,
                code="concurrent_sessions",
            )
        started, run = await self._make(request, options)
        session_id = started.session_id
        assert session_id is not None
        self._sessions[session_id] = _Session(request, started, run)
        if run is not None:
            try:
                await run.start()
            except Exception as exc:
                self._sessions.pop(session_id, None)
                raise ProviderUnavailableError(
                    f"the mock avatar could not join the room ({type(exc).__name__})"
                ) from exc
        if options.fail == "uncertain":
            raise start_failure(options.fail)
        return started

    async def end(self, session_id: str | None, *, failures: int = 0) -> None:
        """End a session.

        Args:
            session_id: Its id.
            failures: How often to fail first.

        Raises:
            ProviderUnavailableError: It was told to fail and has not done so often enough.
        """
        if session_id is None or session_id not in self._sessions:
            return
        failed = self._end_failures.get(session_id, 0)
        if failed < failures:
            self._end_failures[session_id] = failed + 1
            raise ProviderUnavailableError("the mock was told to fail to end", status_code=503)
        self._end_failures.pop(session_id, None)
        session = self._sessions.pop(session_id)
        if session.run is not None:
            await session.run.end()

    def find(self, idempotency_key: str) -> StartedSession | None:
        """Return the session that a start with this key has made."""
        for session in self._sessions.values():
            if session.key == idempotency_key:
                return session.started
        return None

    async def set_agent_state(self, session_id: str | None, state: str) -> None:
        """Tell a session's avatar what the agent does."""
        session = self._sessions.get(session_id or "")
        if session is not None and session.run is not None:
            await session.run.set_agent_state(state)

    def listed(self) -> Sequence[ListedSession]:
        """List what runs."""
        return [
            ListedSession(
                session_id=session_id,
                status="running",
                created_at=session.created_at,
                room=session.room,
            )
            for session_id, session in self._sessions.items()
        ]

    async def _make(
        self, request: StartRequest, options: MockOptions
    ) -> tuple[StartedSession, AvatarRun | None]:
        session_id = f"mock_{uuid.uuid4().hex[:12]}"
        if options.worker == "none" or request.room is None:
            return StartedSession(session_id=session_id, identities=(), audio=Discard()), None
        avatar = await _avatar_class(options.worker)
        run = AvatarRun(
            options=options,
            make_avatar=lambda: avatar(
                options=options,
                url=request.room.url if request.room else "",
                token=request.token,
                agent_identity=request.room.agent_identity if request.room else "",
            ),
        )
        started = StartedSession(
            session_id=session_id,
            identities=(request.identity,),
            audio=DataStream(
                identity=request.identity,
                sample_rate=options.sample_rate,
                ready="video" if options.video else "participant",
                clear_timeout=1.0 + options.report_delay,
            ),
        )
        return started, run
