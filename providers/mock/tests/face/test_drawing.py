from __future__ import annotations

import gc
import random
import weakref

import numpy as np
import pytest
from livekit import rtc

from avatar_provider_mock.face import MockFace
from avatar_provider_mock.face.artwork import styles
from avatar_provider_mock.face.expression import Expression
from avatar_provider_mock.face.i420 import frame_planes, opaque
from avatar_provider_mock.face.look import choose_look
from avatar_provider_mock.face.raster import rasterise
from avatar_provider_mock.face.stage import Stage, shared_stage
from avatar_provider_mock.face.visemes import LipReader, Mouth

from .moments import EYES, MOUTH, dark, luma, moment, quiet
from .voices import cut, speak

SIZES = [(512, 512), (64, 64), (128, 128), (320, 240), (1280, 720), (720, 1280), (66, 1918)]


def any_expression(chance: random.Random) -> Expression:
    def part() -> float:
        return chance.choice([0.0, chance.random(), 1.0])

    return Expression(
        turn=chance.uniform(-1.2, 1.2),
        nod=chance.uniform(-1.1, 1.6),
        breath=chance.random(),
        gaze=(chance.uniform(-1, 1), chance.uniform(-1, 1)),
        blink=part(),
        wide=part(),
        smile=part(),
        raised=part(),
        attentive=part(),
        thinking=part(),
        mouth=Mouth(part(), chance.uniform(-1, 1), part(), part(), part()),
    )


@pytest.mark.parametrize("style", styles())
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_size_is_drawn_whole(width: int, height: int, style: str) -> None:
    face = MockFace(width=width, height=height, style=style)

    frame = face.draw(moment(0.0))

    assert (frame.width, frame.height) == (width, height) == (face.width, face.height)
    assert frame.type == rtc.VideoBufferType.I420
    assert len(frame.data) == width * height * 3 // 2
    assert 16 <= luma(frame).min() and luma(frame).max() <= 235
    # Someone stands before the wall, down to the last row.
    shoulder = width // 2 - min(width, height) // 5
    assert np.ptp(luma(frame)[:, width // 2]) > 100
    assert abs(luma(frame)[-1, shoulder] - luma(frame)[0, shoulder]) > 40


@pytest.mark.parametrize("style", styles())
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pasted_parts_leave_no_seam(width: int, height: int, style: str) -> None:
    stage = Stage(choose_look(style=style, colours={}, width=width, height=height))
    chance = random.Random(f"{style} {width} {height}")
    for _ in range(6):
        expression = any_expression(chance)
        pasted = frame_planes(stage.draw(expression), width=width, height=height)
        whole = opaque(rasterise(stage.drawings(expression), width=width, height=height))

        for ours, theirs in ((pasted.y, whole.y), (pasted.u, whole.u), (pasted.v, whole.v)):
            error = np.abs(ours.astype(np.int16) - theirs)
            # Where an edge is nearly level, the rasteriser's smoothing depends on the canvas.
            assert error.max() <= 24
            assert (error > 3).mean() < 2e-4


def test_the_mouth_opens_with_the_speech() -> None:
    spoken = speak("Hello, I am your avatar. My father's car is far away.")
    face, lips = MockFace(), LipReader(fps=25)
    openings, pixels = [], []
    for index, audio in enumerate(cut(spoken.samples, sample_rate=spoken.sample_rate)):
        frame = face.draw(
            moment(index / 25, audio=audio, sample_rate=spoken.sample_rate, speaking=True)
        )
        openings.append(lips.read(audio, spoken.sample_rate).open)
        pixels.append(dark(frame, MOUTH))
    loudness = [
        float(np.sqrt(np.mean(audio.astype(float) ** 2)))
        for audio in cut(spoken.samples, sample_rate=spoken.sample_rate)
    ]

    assert np.corrcoef(openings, pixels)[0, 1] > 0.8
    assert np.corrcoef(loudness, pixels)[0, 1] > 0.5
    assert max(pixels) > 300


def test_the_mouth_is_closed_in_silence() -> None:
    face = MockFace()

    assert all(dark(face.draw(each), MOUTH) < 60 for each in quiet(6.0))


def test_the_face_blinks_now_and_then() -> None:
    face = MockFace(seed=3)
    open_eyes = [dark(face.draw(each), EYES) for each in quiet(30.0)]
    usual = float(np.median(open_eyes))
    shut = [count < 0.55 * usual for count in open_eyes]
    blinks = sum(now and not before for before, now in zip(shut, shut[1:], strict=False))

    assert 4 <= blinks <= 16
    assert sum(shut) < 0.15 * len(shut)


def test_the_head_and_the_chest_move_a_little_and_never_jump() -> None:
    face = MockFace()
    pictures = [luma(face.draw(each)) for each in quiet(8.0)]
    hair = [picture[60:200, 120:400] for picture in pictures]
    chest = [picture[420:, :] for picture in pictures]

    for part in (hair, chest):
        assert max(np.abs(part[0] - each).max() for each in part) > 30
        steps = [np.abs(a - b).mean() for a, b in zip(part, part[1:], strict=False)]
        assert max(steps) < 2.5


def brows_at(frame: rtc.VideoFrame) -> float:
    """Return the mean row of what is dark between eyes and hair."""
    rows = np.argwhere(luma(frame)[180:216, 190:235] < 100)[:, 0]
    return float(rows.mean())


def test_an_interruption_shows_and_passes() -> None:
    spoken = speak("Hello, I am your avatar.")
    face = MockFace()
    time = 0.0
    for audio in cut(spoken.samples, sample_rate=spoken.sample_rate)[:12]:
        talking = face.draw(
            moment(time, audio=audio, sample_rate=spoken.sample_rate, speaking=True)
        )
        time += 0.04
    assert dark(talking, MOUTH) > 100
    face.interrupted()
    reaction = [face.draw(each) for each in quiet(4.0, start=time)]
    eyes = [dark(frame, EYES, below=60) for frame in reaction]

    assert dark(reaction[3], MOUTH) < 60  # shut within a seventh of a second
    startled, usual = max(eyes[2:10]), float(np.median(eyes[50:]))
    assert startled > 1.06 * usual
    assert brows_at(reaction[5]) < brows_at(reaction[-1]) - 3


def test_the_eyes_look_up_when_the_agent_thinks_and_at_the_viewer_when_it_listens() -> None:
    def height_of_irises(state: str) -> float:
        face, rows = MockFace(seed=5), []
        for each in quiet(4.0, state=state):
            left, top, right, bottom = EYES
            # Pupils are the darkest; lashes lie above them.
            pupils = luma(face.draw(each))[top + 14 : bottom, left:right] < 40
            if pupils.sum() > 60 and each.time > 2:
                rows.append(np.argwhere(pupils)[:, 0].mean())
        return float(np.median(rows))

    assert height_of_irises("thinking") < height_of_irises("listening") - 3


def test_the_same_seed_and_moments_give_the_same_frames() -> None:
    spoken = speak("Hello, I am your avatar.")
    audio = cut(spoken.samples, sample_rate=spoken.sample_rate)

    def film(seed: int) -> list[bytes]:
        face = MockFace(width=128, height=128, seed=seed)
        frames = [face.draw(each) for each in quiet(2.0)]
        for index, piece in enumerate(audio):
            now = moment(2 + index / 25, audio=piece, sample_rate=spoken.sample_rate, speaking=True)
            frames.append(face.draw(now))
        face.interrupted()
        frames += [face.draw(each) for each in quiet(2.0, start=10, state="listening")]
        return [bytes(frame.data) for frame in frames]

    assert film(1) == film(1)
    assert film(1) != film(2)


def test_a_frame_is_not_changed_by_later_ones() -> None:
    face = MockFace(width=128, height=128)
    frame = face.draw(moment(0.0))
    before = bytes(frame.data)
    for each in quiet(3.0, start=0.04, state="thinking"):
        face.draw(each)

    assert bytes(frame.data) == before


def test_faces_of_one_look_share_their_pictures_and_the_last_frees_them() -> None:
    faces = [MockFace(width=128, height=128, seed=seed, hair="#123456") for seed in range(5)]
    stage = shared_stage(
        choose_look(style="person", colours={"hair": "#123456"}, width=128, height=128)
    )
    for face in faces:
        for each in quiet(2.0):
            face.draw(each)
    held, kept = weakref.ref(stage), stage.nbytes
    for seed in range(5, 10):
        faces.append(MockFace(width=128, height=128, seed=seed, hair="#123456"))
        faces[-1].draw(moment(0.0))

    assert stage.nbytes < kept + 100_000  # a frame or two of positions not seen before
    del stage
    for face in faces[:-1]:
        face.close()
    gc.collect()
    assert held() is not None
    faces[-1].close()
    gc.collect()
    assert held() is None


def test_another_look_has_pictures_of_its_own() -> None:
    one = MockFace(width=64, height=64).draw(moment(0.0))
    other = MockFace(width=64, height=64, shirt="#00ff00").draw(moment(0.0))

    assert bytes(one.data) != bytes(other.data)


@pytest.mark.parametrize("side", [128, 512])
def test_memory_stays_bounded_however_long_it_moves(side: int) -> None:
    stage = Stage(choose_look(style="person", colours={}, width=side, height=side))
    chance = random.Random(0)
    for _ in range(250):
        stage.draw(any_expression(chance))

    assert stage.nbytes < (24 if side == 512 else 7) * 2**20


def test_a_closed_face_says_so_when_asked_to_draw() -> None:
    face = MockFace(width=64, height=64)
    face.close()

    with pytest.raises(RuntimeError, match="closed"):
        face.draw(moment(0.0))
