"""What the page lets go wrong: faults that the mock is told to have."""

from __future__ import annotations

from dataclasses import dataclass

MOCK = "mock"


@dataclass(frozen=True, slots=True)
class Fault:
    """One button.

    Args:
        name: What the page asks for.
        title: What the button says.
        options: Of the mock; times count from its join.
    """

    name: str
    title: str
    options: dict[str, float | str]


# Behind the first words of the sentence that is said meanwhile, so that one hears it taken over; on
# a busy machine it takes seconds until the avatar that has joined is given the word.
_IN_MID_SENTENCE = 5.0

FAULTS = (
    Fault("crash", "Crash", {"crash_after": _IN_MID_SENTENCE}),
    Fault("leave", "Leave the room", {"leave_after": _IN_MID_SENTENCE}),
    Fault("freeze", "Freeze the picture", {"freeze_after": _IN_MID_SENTENCE}),
    Fault("deaf", "Go deaf", {"deaf_after": _IN_MID_SENTENCE}),
    Fault("refuse", "Refuse to start", {"fail": "unavailable"}),
)

SENTENCE = (
    "Now watch my face, and listen. In a moment something will go wrong with it. My voice goes on"
    " all the same, from the very word at which the face was lost, until another one is there."
)


def fault_named(name: str) -> Fault | None:
    """Return the fault of a name, None if there is none."""
    return next((each for each in FAULTS if each.name == name), None)
