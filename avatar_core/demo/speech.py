"""Text to speech without a network: eSpeak NG, through ctypes.

The library's state belongs to the process: one voice, one callback. So one lock guards every use,
and a call may take place on any thread but only on one at a time.
"""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path

import numpy as np

from avatar_core.contract.errors import ConfigurationError
from avatar_core.demo.utterance import MAX_SECONDS, Utterance, is_audible

SAMPLE_RATE = 22_050
"""Rate of the voice, in Hz."""

_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000  # without it a missing voice file ends the whole process
_UTF8 = 1
_CONTINUE, _STOP = 0, 1
_VOICE = b"en-us"
_LABEL_LENGTH = 48

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Engine:
    """The loaded library; there is one for the process, made at first use."""

    def __init__(self) -> None:
        try:
            import espeakng_loader  # type: ignore[import-untyped]
        except ImportError as exc:
            raise ConfigurationError(
                "offline speech needs eSpeak NG; install it with: pip install 'avatar-core[demo]'"
                " (or let the avatar say a recording: --audio FILE)"
            ) from exc
        data = Path(espeakng_loader.get_data_path())
        try:
            self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        except OSError as exc:
            raise ConfigurationError(
                "eSpeak NG is installed and its library does not load on this machine; reinstall"
                " it with: pip install --force-reinstall espeakng-loader"
            ) from exc
        rate = self._library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, 200, str(data).encode(), _DO_NOT_EXIT
        )
        if rate != SAMPLE_RATE or self._library.espeak_SetVoiceByName(_VOICE) != 0:
            raise ConfigurationError(
                f"eSpeak NG found no English voice in {data}; reinstall it with:"
                " pip install --force-reinstall espeakng-loader"
            )
        self._chunks: list[bytes] = []
        self._samples_left = 0
        # The library keeps the bare pointer: this reference is what keeps the callback alive.
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if count > 0:  # the last call has no samples at all
            self._chunks.append(ctypes.string_at(samples, count * 2))
            self._samples_left -= count
        return _CONTINUE if self._samples_left > 0 else _STOP

    def speak(self, text: str) -> bytes:
        """Return s16le mono of ``SAMPLE_RATE`` Hz, cut off a little past ``MAX_SECONDS``."""
        self._chunks = []
        self._samples_left = round(MAX_SECONDS * SAMPLE_RATE) + 1
        data = text.encode("utf-8", errors="replace")
        status = self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        if status != 0:
            raise ConfigurationError(f"eSpeak NG could not speak the text (its code: {status})")
        self._library.espeak_Synchronize()
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)


_lock = threading.Lock()
_engine: _Engine | None = None


def synthesize(text: str) -> Utterance:
    """Speak a text; blocks for about 2 ms a second of speech, so call it in a thread.

    Args:
        text: English, any length up to ten minutes of speech.

    Raises:
        ConfigurationError: The speech package is missing, or the text is empty, has nothing to
            pronounce or is too long.
    """
    global _engine
    words = " ".join(text.replace("\0", " ").split())
    if not words:
        raise ConfigurationError("the text to say is empty")
    label = (
        words if len(words) <= _LABEL_LENGTH else f"{words[: _LABEL_LENGTH - 1].rstrip(' .,;:')}…"
    )
    with _lock:
        if _engine is None:
            _engine = _Engine()
        pcm = _engine.speak(words)
    samples = np.frombuffer(pcm, np.int16)
    if len(samples) > MAX_SECONDS * SAMPLE_RATE:
        raise ConfigurationError(
            f"the text {label!r} takes longer to say than the limit of"
            f" {MAX_SECONDS / 60:.0f} minutes"
        )
    if not is_audible(samples, sample_rate=SAMPLE_RATE):
        raise ConfigurationError(f"the text {label!r} has nothing in it that can be pronounced")
    return Utterance(
        label=label, text=words, samples=samples, sample_rate=SAMPLE_RATE, source="say"
    )
