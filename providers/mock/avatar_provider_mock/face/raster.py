"""SVG to pixels, through the ThorVG library that the thorvg-python wheel carries.

ThorVG is called through its C interface: the wheel's own Python layer costs 40 ms to import and
makes new ctypes types, which are never freed, for every drawing it loads.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_LIBRARIES = ("libthorvg-1.so", "libthorvg-1.dylib", "thorvg-1.dll")
_PREMULTIPLIED_RGBA = 0
_PLAIN_ENGINE = 0

# ThorVG keeps one task scheduler and one loader cache per process.
_lock = threading.Lock()


class RasterError(RuntimeError):
    """A layer could not be turned into pixels."""


class Placement(NamedTuple):
    """Where a drawing goes: ``x' = xx*x + xy*y + dx`` and ``y' = yx*x + yy*y + dy``, in pixels."""

    xx: float
    xy: float
    dx: float
    yx: float
    yy: float
    dy: float

    def then(self, other: Placement) -> Placement:
        """Return this placement followed by another one."""
        return Placement(
            other.xx * self.xx + other.xy * self.yx,
            other.xx * self.xy + other.xy * self.yy,
            other.xx * self.dx + other.xy * self.dy + other.dx,
            other.yx * self.xx + other.yy * self.yx,
            other.yx * self.xy + other.yy * self.yy,
            other.yx * self.dx + other.yy * self.dy + other.dy,
        )


class _Matrix(ctypes.Structure):
    _fields_ = [(f"e{row}{column}", ctypes.c_float) for row in (1, 2, 3) for column in (1, 2, 3)]


@lru_cache(maxsize=1)
def _thorvg() -> Any:
    spec = importlib.util.find_spec("thorvg_python")  # finds the wheel, does not import it
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    found = [folder / name for folder in folders for name in _LIBRARIES if (folder / name).exists()]
    if not found:
        raise RasterError("the drawing library is missing; try: pip install thorvg-python")
    library = ctypes.CDLL(str(found[0]))
    pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
    signatures: dict[str, tuple[list[Any], Any]] = {
        "tvg_engine_init": ([u32], ctypes.c_int),
        "tvg_swcanvas_create": ([ctypes.c_int], pointer),
        "tvg_swcanvas_set_target": ([pointer, pointer, u32, u32, u32, ctypes.c_int], ctypes.c_int),
        "tvg_canvas_add": ([pointer, pointer], ctypes.c_int),
        "tvg_canvas_draw": ([pointer, ctypes.c_bool], ctypes.c_int),
        "tvg_canvas_sync": ([pointer], ctypes.c_int),
        "tvg_canvas_destroy": ([pointer], ctypes.c_int),
        "tvg_picture_new": ([], pointer),
        "tvg_picture_load_data": (
            [pointer, ctypes.c_char_p, u32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_bool],
            ctypes.c_int,
        ),
        "tvg_paint_set_transform": ([pointer, ctypes.POINTER(_Matrix)], ctypes.c_int),
        "tvg_paint_unref": ([pointer, ctypes.c_bool], ctypes.c_uint16),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    _check(library.tvg_engine_init(0), "start the drawing library")  # 0: no threads of its own
    return library


def _check(result: int, action: str) -> None:
    if result != 0:
        raise RasterError(f"ThorVG could not {action} (result {result})")


def rasterise(
    drawings: Sequence[tuple[str, Placement]],
    *,
    width: int,
    height: int,
    onto: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw SVGs over each other.

    Args:
        drawings: SVG text and placement on the canvas, the lowest layer first.
        width: Canvas width in pixels.
        height: Canvas height in pixels.
        onto: Pixels to start from, as returned; not changed. A transparent canvas if None.

    Returns:
        Premultiplied RGBA, shape (height, width, 4).

    Raises:
        RasterError: The library is missing or refuses a drawing.
    """
    pixels = np.empty((height, width, 4), np.uint8) if onto is None else onto.copy()
    with _lock:
        tvg = _thorvg()
        canvas = tvg.tvg_swcanvas_create(_PLAIN_ENGINE)
        if not canvas:
            raise RasterError("ThorVG could not make a canvas")
        try:
            _check(
                tvg.tvg_swcanvas_set_target(
                    canvas, pixels.ctypes.data, width, width, height, _PREMULTIPLIED_RGBA
                ),
                "use the canvas",
            )
            for svg, place in drawings:
                _add(tvg, canvas, svg.encode(), place)
            _check(tvg.tvg_canvas_draw(canvas, onto is None), "draw")
            _check(tvg.tvg_canvas_sync(canvas), "finish drawing")
        finally:
            tvg.tvg_canvas_destroy(canvas)
    return pixels


def _add(tvg: Any, canvas: int, svg: bytes, place: Placement) -> None:
    picture = tvg.tvg_picture_new()
    try:
        _check(
            tvg.tvg_picture_load_data(picture, svg, len(svg), b"svg", None, True), "read a layer"
        )
        matrix = _Matrix(*place[0:3], *place[3:6], 0.0, 0.0, 1.0)
        _check(tvg.tvg_paint_set_transform(picture, ctypes.byref(matrix)), "place a layer")
        _check(tvg.tvg_canvas_add(canvas, picture), "add a layer")
    except RasterError:
        tvg.tvg_paint_unref(picture, True)
        raise
