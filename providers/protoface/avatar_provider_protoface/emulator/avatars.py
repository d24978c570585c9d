"""The avatars of the account: Protoface's own, and what was uploaded."""

from __future__ import annotations

from avatar_provider_protoface.emulator.clock import Timer
from avatar_provider_protoface.emulator.ids import new_id
from avatar_provider_protoface.emulator.problems import ApiProblemError
from avatar_provider_protoface.emulator.records import AvatarRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings

STOCK = 20
RUNTIMES = ("avtr1", "mock")
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


class AvatarStore:
    """Keeps avatars, and builds uploaded ones on the emulator's clock.

    Args:
        settings: Clock, and how long a build takes.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._builds: dict[str, Timer] = {}
        self.next_build_fails: str | None = None
        now = settings.clock.now()
        self.avatars: dict[str, AvatarRecord] = {
            f"av_stock_{number:03d}": AvatarRecord(
                id=f"av_stock_{number:03d}",
                name=f"Stock Avatar {number:03d}",
                runtime_type="avtr1",
                is_demo=True,
                created_at=now,
            )
            for number in range(1, STOCK + 1)
        }

    def get(self, avatar_id: str) -> AvatarRecord:
        """Return an avatar.

        Raises:
            ApiProblemError: There is none.
        """
        avatar = self.avatars.get(avatar_id)
        if avatar is None:
            raise ApiProblemError(404, "avatar.not_found", "Avatar not found.")
        return avatar

    def usable(self, avatar_id: str) -> AvatarRecord:
        """Return an avatar that a session can show.

        Raises:
            ApiProblemError: There is none, or it is not ready.
        """
        avatar = self.avatars.get(avatar_id)
        if avatar is None:
            raise ApiProblemError(404, "avatar.not_found", "Avatar not found.", param="avatar_id")
        if avatar.status != "ready":
            raise ApiProblemError(
                409, "avatar.not_ready", f"Avatar is {avatar.status}.", param="avatar_id"
            )
        return avatar

    def create(self, *, image: bytes, name: str, runtime_type: str) -> AvatarRecord:
        """Take an image and build an avatar of it.

        Raises:
            ApiProblemError: The image or the runtime is none.
        """
        if not image.startswith(_IMAGES):
            raise ApiProblemError(
                422, "image.invalid", "The image is neither PNG nor JPEG.", param="image"
            )
        if runtime_type not in RUNTIMES:
            raise ApiProblemError(
                422, "runtime_type.invalid", "Unknown build stack.", param="runtime_type"
            )
        now = self._settings.clock.now()
        avatar = AvatarRecord(
            id=new_id("av", now=now),
            name=name,
            runtime_type=runtime_type,
            is_demo=False,
            created_at=now,
            status="processing",
        )
        self.avatars[avatar.id] = avatar
        reason, self.next_build_fails = self.next_build_fails, None

        def built() -> None:
            avatar.status = "failed" if reason else "ready"
            avatar.failure_reason = reason

        self._builds[avatar.id] = self._settings.clock.call_later(
            self._settings.build_seconds, built
        )
        return avatar

    def delete(self, avatar_id: str) -> None:
        """Remove an uploaded avatar.

        Raises:
            ApiProblemError: There is none, or it is Protoface's own.
        """
        avatar = self.get(avatar_id)
        if avatar.is_demo:
            raise ApiProblemError(400, "avatar.not_deletable", "Stock avatars cannot be deleted.")
        self.close(avatar.id)
        del self.avatars[avatar.id]

    def close(self, avatar_id: str | None = None) -> None:
        """Stop building one avatar, or all."""
        for found in [avatar_id] if avatar_id else list(self._builds):
            timer = self._builds.pop(found, None)
            if timer is not None:
                timer.cancel()
