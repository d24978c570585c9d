from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from livekit import rtc

from avatar_provider_mock.face import MockFace, artwork
from avatar_provider_mock.face.artwork import (
    FEATURES,
    ROLES,
    default_colours,
    load_artwork,
    styles,
)
from avatar_provider_mock.face.colours import recolouring, to_hex, to_lab
from avatar_provider_mock.face.keyshapes import ArtworkError, KeyShapes
from avatar_provider_mock.face.raster import Placement, RasterError, rasterise

from .moments import luma, moment
from .voices import vowel

WHOLE = Placement(1, 0, 0, 0, 1, 0)
DOT = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" width="8" height="8">{}</svg>'


def colours_of(frame: rtc.VideoFrame) -> npt.NDArray[np.uint8]:
    """Decode as a viewer does."""
    rgb = frame.convert(rtc.VideoBufferType.RGB24)
    return np.frombuffer(rgb.data, np.uint8).reshape(frame.height, frame.width, 3)


def test_there_are_a_person_and_a_robot() -> None:
    assert styles() == ["person", "robot"]


@pytest.mark.parametrize("style", styles())
def test_a_style_has_every_role_and_draws_with_each_listed_shade(style: str) -> None:
    folder = Path(artwork.__file__).parent / "layers" / style
    listed = json.loads((folder / "rig.json").read_text())["colours"]
    drawn = "".join(file.read_text() for file in folder.rglob("*.svg")).lower()

    assert set(listed) == set(default_colours(style)) == set(ROLES)
    assert [shade for shades in listed.values() for shade in shades if shade not in drawn] == []


@pytest.mark.parametrize(
    ("role", "colour", "place"),
    [
        ("shirt", "#0f9d58", (105, 480)),
        ("hair", "#d8a657", (148, 240)),
        ("skin", "#8d5a3b", (256, 172)),
    ],
)
def test_a_chosen_colour_is_what_a_viewer_decodes(
    role: str, colour: str, place: tuple[int, int]
) -> None:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    plain = colours_of(MockFace().draw(moment(0.0)))
    shown = colours_of(MockFace(**{role: colour}).draw(moment(0.0)))  # type: ignore[arg-type]
    x, y = place

    seen = shown[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0)
    assert np.abs(seen - wanted).max() < 45  # light and shade are on it
    assert np.abs(seen - plain[y, x]).max() > 40


def test_the_wall_is_the_background_colour() -> None:
    shown = colours_of(MockFace(background="#204060").draw(moment(0.0)))

    assert np.abs(shown[300, 20].astype(int) - [0x20, 0x40, 0x60]).max() < 30


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"width": 63}, "width 63"),
        ({"height": 1922}, "height 1922"),
        ({"width": 301}, "even"),
        ({"style": "ghost"}, "person, robot"),
        ({"skin": "red"}, "skin 'red'"),
        ({"hair": "#12345"}, "#rrggbb"),
        ({"fps": 0}, "fps 0"),
    ],
)
def test_a_wrong_parameter_is_named(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        MockFace(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#4a332c", "#00ff7f", "#8d5a3b"])
def test_colours_survive_the_way_to_oklab_and_back(colour: str) -> None:
    assert to_hex(to_lab(colour)) == colour


def test_the_base_becomes_the_chosen_colour_and_shades_stay_in_order() -> None:
    drawn = ("#3c4db0", "#5f73d8", "#26337d")
    table = recolouring({"shirt": drawn}, {"shirt": "#0F766E"})

    assert table[drawn[0]] == "#0f766e"
    light = [to_lab(table[shade]).lightness for shade in drawn]
    assert light[1] > light[0] > light[2]


def test_black_hair_still_has_strands() -> None:
    table = recolouring({"hair": ("#4a332c", "#a37a64")}, {"hair": "#000000"})

    assert to_lab(table["#a37a64"]).lightness > 0.08


@pytest.mark.parametrize("style", styles())
@pytest.mark.parametrize("feature", FEATURES)
def test_a_mix_of_shapes_stays_within_its_bounds(style: str, feature: str) -> None:
    shapes = load_artwork(style, {}).features[feature]
    for one in sorted(shapes.names):
        for other in sorted(shapes.names):
            svg, (left, top, right, bottom) = shapes.blend(
                {one: 1.0} if one == other else {one: 0.4, other: 0.6}, gaze=(3, -2)
            )
            alpha = rasterise([(svg, WHOLE)], width=512, height=512)[..., 3]
            drawn = np.argwhere(alpha > 4)
            if not len(drawn):
                assert (feature, one, other) == ("brows", "calm", "calm")  # a robot's at rest
                continue

            assert drawn[:, 0].min() >= top - 1 and drawn[:, 0].max() <= bottom
            assert drawn[:, 1].min() >= left - 1 and drawn[:, 1].max() <= right


@pytest.mark.parametrize(
    ("drawing", "complaint"),
    [
        (DOT.format('<path d="M 0 0 L 1 1"/><path d="M 0 0 L 1 1"/>'), "other parts"),
        (DOT.format('<path d="M 0 0 C 1 1 2 2 3 3"/>'), "other parts"),
        (DOT.format('<path d="M 0 0 l 1 1"/>'), "commands M, L, C and Z"),
        (DOT.format(""), "no path"),
    ],
)
def test_shapes_that_cannot_blend_are_named(drawing: str, complaint: str) -> None:
    first = DOT.format('<path d="M 0 0 L 1 1"/>')

    with pytest.raises(ArtworkError, match=f"mouth/b.svg.*{complaint}"):
        KeyShapes({"a": first, "b": drawing}, needed="ab", folder="mouth")


def test_a_missing_shape_is_named() -> None:
    with pytest.raises(ArtworkError, match="mouth lacks the drawings: rest, ss"):
        KeyShapes({"aa": DOT.format("")}, needed=("aa", "ss", "rest"), folder="mouth")


def test_a_drawing_that_is_no_svg_is_an_error() -> None:
    with pytest.raises(RasterError, match="read a layer"):
        rasterise([("this is no drawing", WHOLE)], width=8, height=8)


@pytest.mark.parametrize("side", [128, 512])
def test_the_overlay_writes_figures_into_its_corner_only(side: int) -> None:
    plain, written = (MockFace(width=side, height=side, overlay=each) for each in (False, True))
    written.report(state="live", latency=0.043)
    now = moment(0.0, segment=3, position=1.5, speaking=True, audio=vowel("a")[:1920])
    changed = np.argwhere(luma(plain.draw(now)) != luma(written.draw(now)))

    assert changed[:, 0].min() == 0
    assert changed[:, 0].max() < (0.32 if side == 512 else 0.9) * side
    if side == 512:
        assert changed[:, 1].max() < 0.4 * side


def test_the_overlay_shows_what_changes() -> None:
    face = MockFace(overlay=True)
    one = luma(face.draw(moment(0.0, segment=1, position=1.0)))
    two = luma(face.draw(moment(0.0, segment=2, position=1.0)))
    face.report(latency=0.05)
    three = luma(face.draw(moment(0.0, segment=2, position=1.0)))

    for before, after in ((one, two), (two, three)):
        rows = np.argwhere(before[:160, :200] != after[:160, :200])[:, 0]
        assert len(rows) > 5
        assert np.ptp(rows) < 20  # one line of it
