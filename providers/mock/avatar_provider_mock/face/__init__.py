"""The mock avatar's face: drawings, how they move, and the renderer that shows them."""

from __future__ import annotations

from .face import MockFace

__all__ = ["MockFace"]
