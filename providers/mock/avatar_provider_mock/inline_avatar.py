"""An avatar in the agent's own process and event loop: no start-up cost."""

from __future__ import annotations

from avatar_core.worker.avatar_worker import AvatarWorker
from avatar_core.worker.options import WorkerFaults, WorkerOptions
from avatar_provider_mock.face import MockFace
from avatar_provider_mock.options import MockOptions


def make_worker(*, options: MockOptions, agent_identity: str) -> AvatarWorker:
    """Make the mock's worker: the core's, with the mock's face and faults.

    Args:
        options: Looks and manners.
        agent_identity: The agent it speaks for.
    """
    width, height = options.picture_size
    colours = {
        name: value
        for name in ("background", "skin", "hair", "shirt", "accent")
        if (value := getattr(options, name)) is not None
    }
    face = MockFace(
        width=width,
        height=height,
        fps=options.fps,
        style=options.style,
        overlay=options.overlay,
        seed=options.seed,
        **colours,
    )
    faults = WorkerFaults(
        publish_video=options.video,
        drop_reports=options.drop_reports,
        report_delay=options.report_delay,
    )
    return AvatarWorker(
        renderer=face, agent_identity=agent_identity, options=WorkerOptions(faults=faults)
    )


class InlineAvatar:
    """Runs a worker on the loop it is used from.

    Args:
        options: Looks and manners.
        url: LiveKit server url.
        token: The avatar's room token.
        agent_identity: The agent it speaks for.
    """

    def __init__(self, *, options: MockOptions, url: str, token: str, agent_identity: str) -> None:
        self._worker = make_worker(options=options, agent_identity=agent_identity)
        self._url = url
        self._token = token

    async def start(self) -> None:
        """Join."""
        await self._worker.start(self._url, self._token)

    async def leave(self) -> None:
        """Leave."""
        await self._worker.aclose()

    async def crash(self) -> None:
        """Drop the connection."""
        await self._worker.crash()

    async def freeze(self) -> None:
        """Publish no more pictures."""
        self._worker.freeze()

    async def go_deaf(self) -> None:
        """Play nothing."""
        self._worker.go_deaf()

    async def set_agent_state(self, state: str) -> None:
        """Look as the agent does."""
        self._worker.set_agent_state(state)
