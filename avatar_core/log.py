"""The package's one logger."""

from __future__ import annotations

import logging

logger = logging.getLogger("avatar_core")
