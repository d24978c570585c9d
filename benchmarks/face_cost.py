"""What the mock's face costs: time to the first picture, time per picture, memory.

    python benchmarks/face_cost.py [--width 512] [--height 512] [--style person] [--seconds 60]

CPU time of the drawing thread is measured, not the wall clock, so other work on the machine
disturbs it little; memory is the growth of the process.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import psutil
from livekit import rtc

from avatar_core.worker.renderer import Moment
from avatar_provider_mock.face import MockFace

RATE, FPS = 48000, 25
SILENCE = np.zeros(0, np.int16)
MEBIBYTE = 2**20


def voice(seconds: float) -> npt.NDArray[np.int16]:
    """Babble: a voice whose formants, level and pitch wander, with pauses and hisses."""
    time_axis = np.arange(int(seconds * RATE)) / RATE
    chance = np.random.default_rng(1)
    syllables = np.arange(0, seconds + 1, 0.19)

    def wandering(low: float, high: float) -> npt.NDArray[np.float64]:
        return np.interp(time_axis, syllables, chance.uniform(low, high, len(syllables)))

    first, second = wandering(280, 780), wandering(800, 2500)
    sound = np.zeros(len(time_axis))
    for harmonic in range(1, 28):
        hertz = harmonic * 130.0
        near = [1 / (1 + ((hertz - formant) / 150) ** 2) for formant in (first, second)]
        sound += (near[0] + 0.4 * near[1]) / harmonic * np.sin(2 * np.pi * hertz * time_axis)
    sound *= np.clip(wandering(-0.4, 1.0), 0, 1)
    sound += 0.15 * chance.normal(size=len(sound)) * np.clip(wandering(-2.0, 1.0), 0, 1)
    scaled: npt.NDArray[np.int16] = (sound / np.abs(sound).max() * 20000).astype(np.int16)
    return scaled


def moments(seconds: float, *, start: float, speech: npt.NDArray[np.int16] | None) -> list[Moment]:
    """Return moments of silence or of speech."""
    length = RATE // FPS
    return [
        Moment(
            time=start + index / FPS,
            speaking=speech is not None,
            audio=SILENCE if speech is None else speech[index * length : (index + 1) * length],
            sample_rate=RATE,
            position=index / FPS,
            segment=1,
            agent_state="speaking" if speech is not None else "listening",
        )
        for index in range(int(seconds * FPS))
    ]


def costs(face: MockFace, acts: list[Moment]) -> list[float]:
    """Return milliseconds of CPU for each moment."""
    spent = []
    for moment in acts:
        start = time.thread_time()
        face.draw(moment)
        spent.append((time.thread_time() - start) * 1000)
    return spent


def report(name: str, spent: list[float]) -> None:
    ordered = sorted(spent)
    print(
        f"{name:<20} mean {statistics.fmean(spent):6.3f} ms, "
        f"median {ordered[len(ordered) // 2]:6.3f}, "
        f"99 % {ordered[int(len(ordered) * 0.99)]:6.2f}, worst {ordered[-1]:6.2f}"
    )


def grown(action: Callable[[], object]) -> float:
    """Return by how many MiB the process grows while something is done."""
    process = psutil.Process()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)  # or what was freed before hides what is taken now
    before = process.memory_info().rss
    action()
    gc.collect()
    return (process.memory_info().rss - before) / MEBIBYTE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--style", default="person")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each act")
    parser.add_argument("--faces", type=int, default=8, help="further faces of the same look")
    options = parser.parse_args()
    speech = voice(options.seconds)
    rtc.VideoFrame(2, 2, rtc.VideoBufferType.I420, bytearray(6))  # the library is loaded
    faces: list[MockFace] = []

    def new_face() -> None:
        faces.append(
            MockFace(
                width=options.width,
                height=options.height,
                fps=FPS,
                style=options.style,
                seed=len(faces),
            )
        )

    def first_picture() -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        new_face()
        faces[-1].draw(moments(0.04, start=0, speech=None)[0])
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        print(
            f"face {len(faces)}: first picture after {wall * 1000:.1f} ms ({cpu * 1000:.1f} ms CPU)"
        )

    def live(face: MockFace, start: float) -> None:
        seconds = options.seconds
        report("quiet, first time", costs(face, moments(seconds, start=start, speech=None)))
        report(
            "speaking, first time",
            costs(face, moments(seconds, start=start + seconds, speech=speech)),
        )
        report(
            "quiet, again", costs(face, moments(seconds, start=start + 2 * seconds, speech=None))
        )
        report(
            "speaking, again",
            costs(face, moments(seconds, start=start + 3 * seconds, speech=speech)),
        )

    def further() -> None:
        for _ in range(options.faces):
            new_face()
            faces[-1].draw(moments(0.04, start=0, speech=None)[0])
            costs(faces[-1], moments(5.0, start=0.04, speech=speech[: 5 * RATE]))

    def all_of_the_first() -> None:
        first_picture()
        live(faces[0], 0.04)

    print(f"{options.style}, {options.width} x {options.height}, {FPS} pictures a second")
    memory = grown(all_of_the_first)
    print(f"memory of the first face: {memory:.1f} MiB")
    memory = grown(further)
    print(f"memory of each further face: {memory / options.faces:.2f} MiB")
    first_picture()


if __name__ == "__main__":
    main()
