"""The clause about secrets: whoever reads along finds none."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from avatar_core.contract.models import StartRequest
from avatar_core.testing.avatar_call import open_avatar_call
from avatar_core.testing.conformance.adoption import Adoption
from avatar_core.testing.conformance.clauses import clause
from avatar_core.testing.conformance.failing import failed_start
from avatar_core.testing.conformance.speaking import SENTENCE
from avatar_core.testing.conformance.subject import Subject

_SHORTEST = 6
"""Characters; what is shorter is no secret, and may be part of any word."""


class Keeping(Adoption):
    """What it keeps to itself."""

    @clause(
        "secrets",
        "no key and no token is in a log record, in what is printed, in a repr or in an error.",
    )
    async def test_secrets(self, conformance: Subject, capfd: pytest.CaptureFixture[str]) -> None:
        """Read along at a call, and at starts that fail."""
        wrong = {each.option: self.wrong_key(each.option) for each in conformance.info.credentials}
        secrets: dict[str, str] = {f"wrong {name}": str(key) for name, key in wrong.items()}
        read: dict[str, str] = {}
        with _log() as log:
            async with conformance.stage() as stage:
                await self.before_start()
                avatar = conformance.avatar()
                opened = open_avatar_call(stage, avatar, patience=self.patience)
                async with opened as call:
                    await call.says(SENTENCE)
                read["the session's repr"] = repr(avatar)
                secrets["the LiveKit secret"] = stage.server.api_secret
            if wrong:
                error = await failed_start(conformance, fault=None, **wrong)
                read["the error of a refused key"] = _all_of(error)
            if conformance.api is not None:
                error = await failed_start(conformance, fault="garbled")
                read["the error of a garbled answer"] = _all_of(error)
        for seen in conformance.recorder.of("start_session"):
            request = seen.call.request
            assert isinstance(request, StartRequest)
            read["the options' repr"] = f"{request.options!r} {request.options}"
            read["the start request's repr"] = repr(request)
            read["the started session's repr"] = repr(seen.call.result)
            secrets.update({f"the token of {each.role}": each.jwt for each in request.tokens})
            secrets.update(_secret_options(request.options, conformance))
        read["the log"] = log.getvalue()
        read["what is printed"] = "".join(capfd.readouterr())
        found = [
            f"{name} is in {where}"
            for where, text in read.items()
            for name, secret in secrets.items()
            if len(secret) >= _SHORTEST and secret in text
        ]
        assert not found, "; ".join(sorted(set(found)))


def _all_of(error: BaseException) -> str:
    """Return all that can be read of an error."""
    return f"{error} {error!r} " + "".join(traceback.format_exception(error))


def _secret_options(options: Any, conformance: Subject) -> Iterator[tuple[str, str]]:
    declared = {each.option for each in conformance.info.credentials}
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, SecretStr):
            yield f"option {name}", value.get_secret_value()
        elif name in declared and isinstance(value, str):
            yield f"option {name}", value


@contextmanager
def _log() -> Iterator[io.StringIO]:
    """Collect everything that is logged, with tracebacks and extra fields."""
    text = io.StringIO()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text.write(f"{self.format(record)} {vars(record)}\n")

    collector, root = Collector(), logging.getLogger()
    level = root.level
    root.addHandler(collector)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.setLevel(level)
        root.removeHandler(collector)
