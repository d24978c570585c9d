"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from avatar_core.contract.errors import ConfigurationError


class PartFile:
    """A file beside its target, renamed to it when done; made at once, to find out early.

    Args:
        target: The final name; what is there stays until ``keep`` replaces it.

    Raises:
        ConfigurationError: The target cannot be written.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            if target.is_dir():
                raise ConfigurationError(f"cannot write {target}: it is a folder")
            # Not tempfile: its files are for their owner alone, and this one is for keeps.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as exc:
            raise ConfigurationError(f"cannot write {target}: {exc.strerror}") from exc

    def keep(self) -> None:
        """Give the file its final name."""
        self.path.replace(self.target)

    def discard(self) -> None:
        """Remove the file, unless it has been kept."""
        self.path.unlink(missing_ok=True)
