"""What the package promises before any call."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from avatar_core import AvatarSession, ConfigurationError, get_provider

from avatar_provider_vendorname import plugin


def test_it_is_installed_under_its_name_and_fit_to_be_used() -> None:
    provider = get_provider("vendorname")
    assert provider.plugin is plugin
    assert provider.distribution == "avatar-provider-vendorname"


def test_listing_providers_does_not_load_livekit() -> None:
    load = "import sys, avatar_provider_vendorname.plugin"
    refuse = "assert not {'livekit', 'aiohttp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{load}; {refuse}"], check=True)


@pytest.mark.parametrize("options", [{"size": 63}, {"size": "large"}, {"colour": "red"}])
def test_an_option_that_does_not_fit_is_refused_by_its_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        AvatarSession("vendorname", **options)
