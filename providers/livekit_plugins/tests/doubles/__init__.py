"""The vendors' HTTP APIs on loopback: what their plugins ask is answered, by a real avatar too."""

from __future__ import annotations

from .anam import AnamDouble
from .bey import BeyDouble
from .did import DidDouble
from .keyframe import KeyframeDouble
from .lemonslice import LemonsliceDouble
from .runway import RunwayDouble
from .simli import SimliDouble
from .tavus import TavusDouble
from .vendor_double import VendorDouble

DOUBLES: dict[str, type[VendorDouble]] = {
    double.vendor: double
    for double in (
        TavusDouble,
        BeyDouble,
        AnamDouble,
        RunwayDouble,
        DidDouble,
        KeyframeDouble,
        SimliDouble,
        LemonsliceDouble,
    )
}

__all__ = ["DOUBLES", "VendorDouble"]
