"""What is known of LiveKit's avatar plugins, and cannot be read from their signatures.

Read from the sources of the plugins 1.8.9 and measured against doubles of the vendors' APIs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlugin:
    """One plugin.

    Args:
        title: The vendor's name as people write it.
        avatar_option: The constructor's argument that says which face, if it is plain text.
        credentials: Arguments that are secrets, with the variables the plugin reads them from.
        key_required: Its one secret has to come from somewhere, or no start can succeed.
        variables: Other arguments that it reads from variables where they are not given.
        identity: Identity its avatar has in a room unless another is given.
        fewest_retries: ``max_retry`` with which it makes one request and no second one: a retry
            after an answer that was lost makes a second session, which is billed too. Four
            plugins make none at all with 0.
        more_identities: Participants it brings beside the avatar.
        keeps_own_sender: It sends speech by a sender of its own that keeps LiveKit's, whose table
            knows avatars by identity alone.
        ends_at_vendor: Closing it ends the session at the vendor; else the vendor notices that the
            avatar is alone, or was removed.
    """

    title: str
    avatar_option: str | None = None
    credentials: tuple[tuple[str, str], ...] = ()
    key_required: bool = True
    variables: tuple[tuple[str, str], ...] = ()
    identity: str = ""
    fewest_retries: int = 0
    more_identities: tuple[str, ...] = ()
    keeps_own_sender: bool = False
    ends_at_vendor: bool = False

    def __post_init__(self) -> None:
        assert self.fewest_retries in (0, 1)


def _key(variable: str, option: str = "api_key") -> tuple[tuple[str, str], ...]:
    return ((option, variable),)


KNOWN_PLUGINS: dict[str, KnownPlugin] = {
    "anam": KnownPlugin(
        title="Anam",
        credentials=_key("ANAM_API_KEY"),
        variables=(("api_url", "ANAM_API_URL"),),
        identity="anam-avatar-agent",
    ),
    "avatario": KnownPlugin(
        title="Avatario",
        avatar_option="avatar_id",
        credentials=_key("AVATARIO_API_KEY"),
        variables=(("avatar_id", "AVATARIO_AVATAR_ID"),),
        identity="avatario-avatar-agent",
        fewest_retries=1,
    ),
    "avatartalk": KnownPlugin(
        title="AvatarTalk",
        avatar_option="avatar",
        credentials=_key("AVATARTALK_API_KEY", "api_secret"),
        variables=(("avatar", "AVATARTALK_AVATAR"), ("emotion", "AVATARTALK_EMOTION")),
        identity="avatartalk-agent",
        more_identities=("listener",),
        ends_at_vendor=True,
    ),
    "bey": KnownPlugin(
        title="Beyond Presence",
        avatar_option="avatar_id",
        credentials=_key("BEY_API_KEY"),
        variables=(("api_url", "BEY_API_URL"),),
        identity="bey-avatar-agent",
    ),
    "bithuman": KnownPlugin(
        title="bitHuman",
        avatar_option="avatar_id",
        credentials=(("api_secret", "BITHUMAN_API_SECRET"), ("api_token", "BITHUMAN_API_TOKEN")),
        key_required=False,
        variables=(("model_path", "BITHUMAN_MODEL_PATH"), ("api_url", "BITHUMAN_API_URL")),
        identity="bithuman-avatar-agent",
        fewest_retries=1,
    ),
    "did": KnownPlugin(
        title="D-ID",
        avatar_option="agent_id",
        credentials=_key("DID_API_KEY"),
        identity="d-id-avatar-agent",
    ),
    "keyframe": KnownPlugin(
        title="Keyframe",
        avatar_option="persona_id",
        credentials=_key("KEYFRAME_API_KEY"),
        variables=(("api_url", "KEYFRAME_API_URL"),),
        identity="keyframe-avatar-agent",
        keeps_own_sender=True,
    ),
    "lemonslice": KnownPlugin(
        title="LemonSlice",
        avatar_option="agent_id",
        credentials=_key("LEMONSLICE_API_KEY"),
        identity="lemonslice-avatar-agent",
    ),
    "liveavatar": KnownPlugin(
        title="LiveAvatar",
        avatar_option="avatar_id",
        credentials=_key("LIVEAVATAR_API_KEY"),
        variables=(("avatar_id", "LIVEAVATAR_AVATAR_ID"),),
        identity="liveavatar-avatar-agent",
        fewest_retries=1,
        ends_at_vendor=True,
    ),
    "protoface": KnownPlugin(
        title="Protoface (LiveKit's plugin)",
        avatar_option="avatar_id",
        credentials=_key("PROTOFACE_API_KEY"),
        variables=(("api_url", "PROTOFACE_API_URL"),),
        identity="protoface-avatar-agent",
        ends_at_vendor=True,
    ),
    "runway": KnownPlugin(
        title="Runway",
        avatar_option="avatar_id",
        credentials=_key("RUNWAYML_API_SECRET"),
        variables=(("api_url", "RUNWAYML_BASE_URL"),),
        identity="runway-avatar-agent",
        fewest_retries=1,
        ends_at_vendor=True,
    ),
    "simli": KnownPlugin(title="Simli", identity="simli-avatar-agent"),
    "spatius": KnownPlugin(
        title="Spatius",
        avatar_option="avatar_id",
        credentials=_key("SPATIUS_API_KEY"),
        variables=(("app_id", "SPATIUS_APP_ID"), ("avatar_id", "SPATIUS_AVATAR_ID")),
        identity="spatius-avatar-agent",
    ),
    "tavus": KnownPlugin(
        title="Tavus",
        avatar_option="face_id",
        credentials=_key("TAVUS_API_KEY"),
        variables=(("face_id", "TAVUS_FACE_ID"), ("pal_id", "TAVUS_PAL_ID")),
        identity="tavus-avatar-agent",
    ),
    "trugen": KnownPlugin(
        title="TruGen",
        avatar_option="avatar_id",
        credentials=_key("TRUGEN_API_KEY"),
        identity="trugen-avatar",
    ),
}
"""By the name of the module behind ``livekit.plugins``. Hedra is not among them: its plugin 1.7.1
refuses every start, for the vendor has ended the service."""

INFERENCE = KnownPlugin(
    title="LiveKit Inference",
    avatar_option="model",
    # Its own variables come first, then LiveKit's.
    credentials=(("api_key", "LIVEKIT_INFERENCE_API_KEY"),),
    key_required=False,
    variables=(("base_url", "LIVEKIT_INFERENCE_URL"),),
    identity="",
    ends_at_vendor=True,
)
"""Comes with livekit-agents; the gateway mints the worker's token itself."""

UNKNOWN = KnownPlugin(title="", key_required=False, keeps_own_sender=True)
"""What is assumed of a plugin that nobody has looked at."""
