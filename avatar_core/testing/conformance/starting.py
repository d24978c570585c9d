"""Clauses about a start: it makes a session, the avatar joins, its token is the least."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from livekit import api

from avatar_core.contract.models import ProviderInfo, StartedSession, StartRequest, WorkerToken
from avatar_core.session.policy import AvatarPolicy
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.subject import Subject
from avatar_core.tokens.worker_token import PUBLISH_ON_BEHALF

_SOURCES = {"camera", "microphone"}
_WORKER_GRANTS = {
    "roomJoin", "room", "canPublish", "canPublishData", "canPublishSources", "canSubscribe",
}  # fmt: skip
_CLOCK_SECONDS = 30.0


class Starting(Adoption):
    """How it starts."""

    @clause(
        "starts",
        "one start is one call of start_session, which returns a session that names its avatar.",
    )
    async def test_starts(self, conformance: Subject) -> None:
        """Start, and look at what came of it."""
        async with conformance.call(join=False) as call:
            assert [attempt.error for attempt in call.avatar.attempts] == [None]
            (seen,) = conformance.recorder.of("start_session")
            session, request = seen.call.result, seen.call.request
            assert isinstance(session, StartedSession)
            assert isinstance(request, StartRequest)
            session_id: object = session.session_id
            assert session_id is None or (isinstance(session_id, str) and session_id != ""), (
                "session_id must be None or a string with something in it"
            )
            assert session.identities[:1] == (request.identity,), (
                f"identities must begin with the avatar's, {request.identity!r}, and are"
                f" {session.identities!r}"
            )

    @clause(
        "joins",
        "the avatar joins in time, publishes sound and pictures, and does so on behalf of the"
        " agent.",
    )
    async def test_joins(self, conformance: Subject) -> None:
        """Look at its participant as a viewer does."""
        async with conformance.call() as call:
            identity, viewer = call.avatar.avatar_identity, call.stage.viewer
            await viewer.until_seen(identity, pictures=2)
            participant = viewer.room.remote_participants[identity]
            kinds = sorted(each.kind for each in participant.track_publications.values())
            assert len(kinds) == 2, f"{len(kinds)} tracks are published, not sound and pictures"
            assert kinds[0] != kinds[1], "two tracks of one kind are published"
            on_behalf = participant.attributes.get(PUBLISH_ON_BEHALF)
            assert on_behalf == call.stage.agent_identity, (
                f"its attribute {PUBLISH_ON_BEHALF} says {on_behalf!r}, not the agent's identity:"
                " front ends would show two participants"
            )

    @clause(
        "token",
        "the worker's tokens open one room for one identity each, no longer than the session may"
        " last, and grant nothing that is not declared.",
        needs=("token",),
    )
    async def test_token(self, conformance: Subject) -> None:
        """Read the tokens that a start was given."""
        policy = AvatarPolicy(on_failure="raise", join_timeout=self.patience)
        async with conformance.call(join=False, policy=policy) as call:
            (seen,) = conformance.recorder.of("start_session")
            request = seen.call.request
            assert isinstance(request, StartRequest)
            roles = conformance.info.token_roles
            expected = roles if conformance.info.tokens == "many" else roles[:1]
            assert tuple(each.role for each in request.tokens) == expected
            server = call.stage.server
            longest = request.options.session_seconds or policy.default_session_seconds
            for token in request.tokens:
                verifier = api.TokenVerifier(server.api_key, server.api_secret)
                verifier.verify(token.jwt)
                _assert_least(
                    token,
                    room=call.stage.room_name,
                    until=time.time() + longest + policy.token_margin,
                    info=conformance.info,
                )


def _assert_least(token: WorkerToken, *, room: str, until: float, info: ProviderInfo) -> None:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.jwt.split(".")[1] + "==="))
    video = claims.get("video", {})
    granted = {name for name, value in video.items() if value not in (False, [], "", None)}
    assert claims["sub"] == token.identity, "it opens the room for another identity"
    assert video.get("room") == room, "it does not open this room and no other"
    assert granted <= _WORKER_GRANTS, (
        f"it grants {sorted(granted - _WORKER_GRANTS)}, which no worker needs"
    )
    others = set(claims) & {"sip", "agent", "inference", "roomConfig"}
    assert not others, f"it grants more than a room: {sorted(others)}"
    assert set(video.get("canPublishSources") or {"any"}) <= _SOURCES, (
        "it may publish more than camera and microphone"
    )
    # LiveKit takes a grant that is not there for granted.
    assert video.get("canSubscribe", True) is False or info.capabilities.worker_can_subscribe, (
        "it may subscribe, and ProviderInfo does not declare worker_can_subscribe"
    )
    assert claims["exp"] <= until + _CLOCK_SECONDS, (
        f"it is valid {claims['exp'] - until:.0f} s longer than the session may last"
    )
