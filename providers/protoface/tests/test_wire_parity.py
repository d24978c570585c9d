"""Both plugins' requests for the same call, field by field; what differs is in the README."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from livekit.plugins import protoface as reference

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_provider_protoface.tags import version

from .calling_stage import ProtofaceStage, protoface_stage
from .recorder import RecordedRequest, recording

README = Path(__file__).parents[1] / "README.md"
ABSENT = "not sent"

CREATE = {
    "header user-agent": ("livekit-plugins-protoface/1.8.9", "avatar-provider-protoface/VERSION"),
    "header idempotency-key": (ABSENT, "KEY"),
    "token valid for": ("21600 s", "3720 s"),
    "token.video.canSubscribe": ("true", "false"),
    "token.video.canPublishSources": (ABSENT, '["camera", "microphone"]'),
    "body.idle_timeout_seconds": (ABSENT, "360"),
    "body.metadata.avatar_core.start": (ABSENT, "KEY"),
    "body.metadata.avatar_core.room": (ABSENT, "ROOM"),
    "body.metadata.avatar_core.agent": (ABSENT, "AGENT"),
    "body.metadata.avatar_core.version": (ABSENT, "VERSION"),
}
END = {
    "header user-agent": ("livekit-plugins-protoface/1.8.9", "avatar-provider-protoface/VERSION")
}

INPUTS: dict[str, tuple[dict[str, Any], dict[str, tuple[str, str]]]] = {
    "nothing": ({}, {}),
    "everything": (
        {
            "avatar_id": "av_stock_003",
            "max_duration_seconds": 600,
            "avatar_participant_identity": "somebody",
            "avatar_participant_name": "Ada",
        },
        # It follows from what was given: the longest session and two minutes.
        {"token valid for": ("21600 s", "720 s")},
    ),
}


async def sent_by_both(
    stage: ProtofaceStage, given: dict[str, Any]
) -> dict[str, list[dict[str, str]]]:
    """Let both plugins start and end the same call, and return what each sent."""
    sent = {}
    await stage.call.start_agent()
    async with recording(stage.emulator.url) as recorder:
        arguments = {"api_url": recorder.url, "api_key": stage.emulator.api_key, **given}
        policy = AvatarPolicy(on_failure="raise")
        for which, avatar in (
            ("theirs", reference.AvatarSession(**arguments)),
            ("ours", AvatarSession("protoface", policy=policy, **arguments)),
        ):
            await avatar.start(stage.call.agent_session, stage.call.room, **stage.call.credentials)
            session_id = avatar.session_id
            await avatar.aclose()
            names = {
                session_id: "ID",
                version(): "VERSION",
                stage.call.room_name: "ROOM",
                stage.call.agent_identity: "AGENT",
            }
            sent[which] = [readable(request, names) for request in recorder.take()]
    return sent


def readable(request: RecordedRequest, names: dict[str | None, str]) -> dict[str, str]:
    """Return the fields as text, with words for what is another in every call.

    Args:
        request: What was sent.
        names: Values and the words for them.
    """
    fields = request.fields()
    assert fields.pop("header content-length") == str(len(request.body))
    if "token.exp" in fields:
        fields["token valid for"] = f"{fields.pop('token.exp') - fields.pop('token.nbf')} s"
    key = fields.get("header idempotency-key")
    if key is not None:
        assert re.fullmatch("[0-9a-f]{32}", key)
        names = {**names, key: "KEY"}
    told = {}
    for name, value in fields.items():
        text = value if isinstance(value, str) else json.dumps(value)
        parts = [names.get(part, part) for part in text.split("/")]
        told[name] = "/".join(parts)
    return told


def differences(theirs: dict[str, str], ours: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return every field that is not the same in both."""
    return {
        name: (theirs.get(name, ABSENT), ours.get(name, ABSENT))
        for name in {**theirs, **ours}
        if theirs.get(name) != ours.get(name)
    }


@pytest.mark.parametrize(("given", "other"), INPUTS.values(), ids=INPUTS)
async def test_two_requests_differ_in_what_is_listed_and_in_nothing_else(
    livekit_server: LiveKitServer, given: dict[str, Any], other: dict[str, tuple[str, str]]
) -> None:
    async with protoface_stage(livekit_server, worker="none") as stage:
        sent = await sent_by_both(stage, given)
    (their_create, their_end), (our_create, our_end) = sent["theirs"], sent["ours"]
    assert (our_create["method"], our_create["path"]) == ("POST", "/v1/sessions")
    assert (our_end["method"], our_end["path"]) == ("POST", "/v1/sessions/ID/end")
    assert {"header authorization", "token.sub", "token.iss", "body.transport.url"} <= {*our_create}
    assert differences(their_create, our_create) == {**CREATE, **other}
    assert differences(their_end, our_end) == END


def test_the_readme_lists_the_same_differences() -> None:
    section = README.read_text(encoding="utf-8").partition("### On the wire")[2].partition("##")[0]
    rows = re.findall(r"^\| (create|end) \| `(.+?)` \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    listed: dict[str, dict[str, tuple[str, str]]] = {"create": {}, "end": {}}
    for request, name, theirs, ours in rows:
        listed[request][name] = (theirs.strip("`"), ours.strip("`"))
    assert listed == {"create": CREATE, "end": END}
