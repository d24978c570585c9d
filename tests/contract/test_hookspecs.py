from __future__ import annotations

import inspect
from typing import Any

import pytest

from avatar_core.contract import models
from avatar_core.contract.hookspecs import REQUIRED_HOOKS, ExtensionHooks, ProviderHooks
from avatar_core.discovery.hook_checks import hook_names

HOOKS = [(ProviderHooks, name) for name in hook_names(ProviderHooks)] + [
    (ExtensionHooks, "around_call")
]
REQUESTS = [
    model
    for model in vars(models).values()
    if inspect.isclass(model) and issubclass(model, models.ProviderRequest)
]


def test_the_hooks_are_those_of_the_contract() -> None:
    assert hook_names(ProviderHooks) == (
        "describe_provider",
        "mint_token",
        "start_session",
        "end_session",
        "recover_session",
        "list_sessions",
        "session_usage",
        "check_provider",
        "prewarm",
        "keep_alive",
        "agent_state_changed",
        "send_command",
        "local_stand_in",
        "cli_commands",
    )
    assert set(REQUIRED_HOOKS) <= set(hook_names(ProviderHooks))


@pytest.mark.parametrize(("owner", "name"), HOOKS, ids=[name for _, name in HOOKS])
def test_every_hook_is_typed_and_says_when_it_is_called(owner: type, name: str) -> None:
    hook = getattr(owner, name)
    assert hook.__doc__
    assert "return" in hook.__annotations__
    arguments = [argument for argument in inspect.signature(hook).parameters if argument != "self"]
    assert arguments in ([], ["request"], ["call"])


@pytest.mark.parametrize(("owner", "name"), HOOKS, ids=[name for _, name in HOOKS])
def test_a_specification_is_never_called_itself(owner: type, name: str) -> None:
    arguments = len(inspect.signature(getattr(owner, name)).parameters)
    with pytest.raises(AssertionError, match="not called"):
        getattr(owner, name)(*[None] * arguments)


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda kind: kind.__name__)
def test_requests_are_frozen_and_keyword_only(request_type: Any) -> None:
    parameters = request_type.__dataclass_params__
    assert parameters.frozen
    with pytest.raises(TypeError):
        request_type(None)


def test_records_do_not_print_what_is_secret_or_the_providers_own() -> None:
    token = models.WorkerToken(role="avatar", identity="face", jwt="eyJ.secret.jwt")
    assert "secret" not in repr(token)
    from avatar_core.contract.audio_routes import Discard

    session = models.StartedSession(
        session_id="s", identities=(), audio=Discard(), data={"key": "secret"}
    )
    assert "secret" not in repr(session)
