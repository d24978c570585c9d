"""Says its argument with eSpeak NG: a line of JSON about the phonemes, then s16le mono."""

from __future__ import annotations

import ctypes
import json
import sys

import espeakng_loader  # type: ignore[import-untyped]

END, PHONEME = 0, 7
SYNCHRONOUS, PHONEMES_IN_IPA, UTF8 = 2, 1 | 2, 1


class Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", Name),
    ]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))


def main(text: str) -> None:
    sound = bytearray()
    phonemes: list[tuple[float, str]] = []

    def collect(samples: int | None, count: int, events: ctypes.Array[Event]) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        position = 0
        while events[position].type != END:
            if events[position].type == PHONEME:
                name = events[position].id.string.decode("utf-8", "replace")
                phonemes.append((events[position].milliseconds / 1000, name.lstrip("ˈˌ")))
            position += 1
        return 0

    callback = Callback(collect)
    library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    data = str(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(SYNCHRONOUS, 200, data, PHONEMES_IN_IPA)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en-us")
    line = text.encode()
    library.espeak_Synth(line, len(line) + 1, 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()
    header = json.dumps({"sample_rate": rate, "phonemes": phonemes})
    sys.stdout.buffer.write(header.encode() + b"\n" + bytes(sound))


if __name__ == "__main__":
    main(sys.argv[1])
