"""What a face shows at one moment, in the terms of an animator."""

from __future__ import annotations

from dataclasses import dataclass

from .visemes import Mouth


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One moment's pose and features.

    Args:
        turn: Head turned and tilted to the viewer's right, about -1 to 1.
        nod: Head lowered, about -1 to 1.
        breath: Chest filled, 0 to 1.
        gaze: Where the eyes look, to the right and down, each -1 to 1.
        blink: Lids closed, 0 to 1.
        wide: Eyes wide open, 0 to 1.
        smile: Eyes narrowed by a smile, 0 to 1.
        raised: Brows raised, 0 to 1.
        attentive: Brows of a listener, 0 to 1.
        thinking: Brows of a thinker, 0 to 1.
        mouth: Shape of the mouth.
    """

    turn: float
    nod: float
    breath: float
    gaze: tuple[float, float]
    blink: float
    wide: float
    smile: float
    raised: float
    attentive: float
    thinking: float
    mouth: Mouth


def mouth_weights(mouth: Mouth) -> dict[str, float]:
    """Return how much of each key shape a mouth is; the weights add up to 1."""
    spread, rounded = max(0.0, mouth.wide), max(0.0, -mouth.wide)
    middle, full = {"ah": 1 - spread - rounded}, {"aa": 1 - spread - rounded}
    middle |= {"ee": spread, "oo": rounded}
    full |= {"eh": spread, "oh": rounded}
    if mouth.open < 0.5:
        rows = [({"rest": 1.0}, 1 - 2 * mouth.open), (middle, 2 * mouth.open)]
    else:
        rows = [(middle, 2 - 2 * mouth.open), (full, 2 * mouth.open - 1)]
    special = min(1.0, mouth.hiss + mouth.bite + mouth.press)
    weights = {"ss": mouth.hiss, "ff": mouth.bite, "press": mouth.press}
    if (total := sum(weights.values())) > 1:
        weights = {name: weight / total for name, weight in weights.items()}
    for row, share in rows:
        for name, weight in row.items():
            weights[name] = weights.get(name, 0.0) + (1 - special) * share * weight
    return {name: weight for name, weight in weights.items() if weight > 0}


def eye_weights(expression: Expression) -> dict[str, float]:
    """Return how much of each key shape the eyes are; the weights add up to 1."""
    open_part = 1 - expression.blink
    wide = expression.wide * open_part
    smile = expression.smile * open_part * (1 - expression.wide)
    return {
        "closed": expression.blink,
        "wide": wide,
        "smile": smile,
        "open": open_part - wide - smile,
    }


def brow_weights(expression: Expression) -> dict[str, float]:
    """Return how much of each key shape the brows are; the weights add up to 1."""
    weights = {
        "raised": expression.raised,
        "attentive": expression.attentive * (1 - expression.raised),
        "thinking": expression.thinking * (1 - expression.raised),
    }
    if (total := sum(weights.values())) > 1:
        weights = {name: weight / total for name, weight in weights.items()}
    return weights | {"calm": 1 - sum(weights.values())}
