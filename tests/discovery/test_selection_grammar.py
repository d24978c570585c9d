from __future__ import annotations

import pytest

from avatar_core.contract.errors import ConfigurationError
from avatar_core.discovery.selection_grammar import Candidate, parse_selection


def c(name: str, avatar: str | None = None, /, **text: tuple[str, ...]) -> Candidate:
    return Candidate(name=name, avatar=avatar, text=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mock", (c("mock"),)),
        ("  mock  ", (c("mock"),)),
        ("protoface/av_stock_001", (c("protoface", "av_stock_001"),)),
        ("x/a/b/c", (c("x", "a/b/c"),)),
        ("livekit.tavus", (c("livekit.tavus"),)),
        ("mock?size=256", (c("mock", size=("256",)),)),
        (
            "mock?size=256&style=calm",
            (c("mock", size=("256",), style=("calm",)),),
        ),
        ("mock/ann?size=256", (c("mock", "ann", size=("256",)),)),
        ("mock?style=", (c("mock", style=("",)),)),
        ("mock?url=a=b?c/d", (c("mock", url=("a=b?c/d",)),)),
        ("mock?colors=red%2Cblue", (c("mock", colors=("red,blue",)),)),
        ("mock?key=a+b%2Bc%26d%3De", (c("mock", key=("a+b+c&d=e",)),)),
        ("mock/ann%20lee%2C%3F", (c("mock", "ann lee,?"),)),
        ("mock?name=%C3%A9%20", (c("mock", name=("é ",)),)),
        ("mock?layer=a&layer=b", (c("mock", layer=("a", "b")),)),
        ("a, b/x ,c?y=1", (c("a"), c("b", "x"), c("c", y=("1",)))),
        ("mock,mock", (c("mock"), c("mock"))),
        ("off", ()),
        (" OFF ", ()),
    ],
)
def test_the_grammar(text: str, expected: tuple[Candidate, ...]) -> None:
    assert parse_selection(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a provider's name is missing"),
        ("   ", "a provider's name is missing"),
        ("/avatar", "a provider's name is missing"),
        ("?size=1", "a provider's name is missing"),
        ("mock,", "V, entry 2: a provider's name is missing"),
        ("mock,,other", "V, entry 2: a provider's name is missing"),
        ("mock/", "no avatar behind the slash after 'mock'"),
        ("mock/?size=1", "no avatar behind the slash after 'mock'"),
        ("two words", "this is no provider's name"),
        ("mock;size=1", "this is no provider's name"),
        ("mock?", "V (mock): option 1 is not of the form option=value"),
        ("mock?size", "option 1 is not of the form option=value"),
        ("mock?size=1&", "option 2 is not of the form option=value"),
        ("mock?=1", "option 1 is not of the form option=value"),
        ("mock?a-b=1", "option 1 is not of the form option=value"),
        ("off,mock", "'off' means no avatar and must stand alone"),
        ("mock,off", "'off' means no avatar and must stand alone"),
        ("off/x", "'off' takes neither an avatar nor options"),
        ("off?x=1", "'off' takes neither an avatar nor options"),
    ],
)
def test_what_the_grammar_refuses_names_the_place(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_selection(text, source="V")
    assert str(caught.value).startswith("V")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text", ["mock?sk-secret", "mock?key=sk-secret&x", "sk secret", "off?key=sk-secret"]
)
def test_an_error_never_shows_a_value(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_selection(text)
    assert "secret" not in str(caught.value)


def test_a_candidate_prints_its_name_only() -> None:
    (candidate,) = parse_selection("mock/ann?key=sk-secret")
    assert repr(candidate) == "Candidate(name='mock')"
