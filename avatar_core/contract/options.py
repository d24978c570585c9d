"""Options of a provider: typed, frozen, and read from the environment where not given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from avatar_core.contract.errors import ConfigurationError

RESERVED_OPTIONS = frozenset(
    {"avatar_participant_identity", "avatar_participant_name", "conn_options", "policy"}
)
"""Keywords of ``AvatarSession`` itself; a provider's model must not use them."""


class Env:
    """Marks an option that is read from an environment variable when it is not given.

    Use it in the field's annotation: ``api_key: Annotated[SecretStr, Env("ACME_API_KEY")]``.
    An empty variable counts as unset.
    """

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def __repr__(self) -> str:
        return f"Env({self.variable!r})"


class ProviderOptions(BaseModel):
    """Base of every provider's options: unknown keywords are errors, values are never printed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    @property
    def joins_room(self) -> bool:
        """Whether a session with these options has a participant in the room.

        False means: no room url, no credentials and no token are needed, and nobody is waited for.
        """
        return True

    @property
    def session_seconds(self) -> float | None:
        """Seconds a session with these options may last at most; None when nothing limits it."""
        return None

    @classmethod
    def environment_variables(cls) -> dict[str, str]:
        """Map each option that can come from the environment to its variable."""
        return {
            name: marker.variable
            for name, field in cls.model_fields.items()
            for marker in field.metadata
            if isinstance(marker, Env)
        }

    @classmethod
    def from_mapping(cls, provider: str, given: Mapping[str, Any]) -> Self:
        """Check what the caller gave and fill in the environment.

        Args:
            provider: The provider's name, for the error text.
            given: Option names and values; a value of None counts as given.

        Raises:
            ConfigurationError: An option is unknown, missing or wrong; the text names it, and
                lists the valid ones. It never shows a value: a key may be in the wrong place.
        """
        values = dict(given)
        variables = cls.environment_variables()
        for name, variable in variables.items():
            if name not in values and os.environ.get(variable):
                values[name] = os.environ[variable]
        try:
            return cls.model_validate(values)
        except ValidationError as exc:
            raise ConfigurationError(_explain(cls, provider, exc, variables)) from None


def _explain(
    model: type[ProviderOptions], provider: str, exc: ValidationError, variables: Mapping[str, str]
) -> str:
    """Say which option is wrong and how, without any value."""
    problems = []
    for error in exc.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in error["loc"]) or "options"
        if error["type"] == "extra_forbidden":
            problems.append(f"unknown option {name!r}")
        elif error["type"] == "missing":
            hint = f" (or set {variables[name]})" if name in variables else ""
            problems.append(f"option {name!r} is required{hint}")
        else:
            # pydantic says of a ValueError that it is one, which helps nobody who set an option.
            problems.append(f"option {name!r}: {error['msg'].removeprefix('Value error, ')}")
    valid = ", ".join(sorted(model.model_fields)) or "none"
    return f"avatar provider {provider!r}: {'; '.join(problems)} (valid options: {valid})"
