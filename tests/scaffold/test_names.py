from __future__ import annotations

import pytest

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.provider_checks import refuse_bad_name
from avatar_core.scaffold.names import LONGEST, provider_names


@pytest.mark.parametrize(
    ("name", "distribution", "package", "title", "variable"),
    [
        ("acme", "avatar-provider-acme", "avatar_provider_acme", "Acme", "ACME"),
        ("my-face", "avatar-provider-my-face", "avatar_provider_my_face", "My Face", "MY_FACE"),
        ("my_face", "avatar-provider-my-face", "avatar_provider_my_face", "My Face", "MY_FACE"),
        ("3d", "avatar-provider-3d", "avatar_provider_3d", "3d", "_3D"),
        ("class", "avatar-provider-class", "avatar_provider_class", "Class", "CLASS"),
    ],
)
def test_one_name_gives_all_others(
    name: str, distribution: str, package: str, title: str, variable: str
) -> None:
    names = provider_names(name)
    assert names.name == name
    assert (names.distribution, names.package) == (distribution, package)
    assert (names.title, names.variable) == (title, variable)
    assert names.package.isidentifier() and names.variable.isidentifier()
    refuse_bad_name(names.name)  # the registry would take it


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "must consist of lower-case letters"),
        ("Acme", "must be in lower case, as 'acme'"),
        ("my face", "must consist of lower-case letters"),
        ("acme/anna", "must consist of lower-case letters"),
        ("../acme", "a dot is for provider families"),
        ("müller", "must consist of lower-case letters"),
        ("acme\n", "must consist of lower-case letters"),
        ("acme.face", "a dot is for provider families: that of 'acme' brings all 'acme.…'"),
        ("my--face", "'-' and '_' stand alone"),
        ("-acme", "'-' and '_' stand alone"),
        ("acme_", "'-' and '_' stand alone"),
        ("off", "it means no avatar"),
        ("a" * (LONGEST + 1), f"it has {LONGEST + 1} characters; {LONGEST} are the most"),
        ("avatar-provider-acme", "'avatar-provider-' is put before it; give the rest, 'acme'"),
        ("avatar-provider-", "'avatar-provider-' is put before it; give the rest, 'my-face'"),
        ("avatar_provider_acme", "'avatar_provider_' is put before it; give the rest, 'acme'"),
    ],
)
def test_what_is_no_name_is_refused_by_the_rule_it_breaks(name: str, rule: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a provider's name") as caught:
        provider_names(name)
    assert rule in str(caught.value)
