"""Each way in which a plugin can be unfit, and the sentence its author or user gets."""

from __future__ import annotations

import pytest

from avatar_core.contract.errors import ProviderLoadError
from avatar_core.contract.models import CONTRACT_VERSION, OLDEST_CONTRACT_VERSION
from avatar_core.discovery.registry import ProviderRegistry
from tests.discovery.installed import Site, provider_source

GOOD = provider_source("bad")

HOOK = """
@hookimpl{marker}
{kind} {name}({arguments}):
    {body}
"""


def with_hook(
    name: str,
    *,
    arguments: str = "request",
    marker: str = "",
    kind: str = "async def",
    body: str = "return None",
) -> str:
    return GOOD + HOOK.format(name=name, arguments=arguments, marker=marker, kind=kind, body=body)


def described(body: str, kind: str = "def") -> str:
    """A provider whose describe_provider is replaced."""
    head, _, rest = GOOD.partition("@hookimpl\ndef describe_provider():\n")
    tail = rest.partition("\n\n\n")[2]
    return f"{head}@hookimpl\n{kind} describe_provider():\n    {body}\n\n\n{tail}"


def info(arguments: str) -> str:
    return provider_source("bad", info=f", {arguments}")


NEWER, OLDER = CONTRACT_VERSION + 1, OLDEST_CONTRACT_VERSION - 1

UNFIT = {
    # --- hooks
    "misspelt hook": (
        with_hook("start_sesion"),
        "unknown hook 'start_sesion'; did you mean 'start",
    ),
    "unknown hook": (with_hook("quack"), "unknown hook 'quack' (hooks: describe_provider,"),
    "misspelt describe": (
        GOOD.replace("def describe_provider", "def descibe_provider"),
        "unknown hook 'descibe_provider'; did you mean 'describe_provider'?",
    ),
    "unknown specname": (
        with_hook("begin", marker="(specname='begin_session')"),
        "unknown hook 'begin_session'",
    ),
    "missing end": (
        GOOD.partition("@hookimpl\ndef end_session")[0],
        "required hooks are missing: end_session",
    ),
    "no hooks at all": ("x = 1", "required hooks are missing: describe_provider"),
    "unmarked required": (
        GOOD.replace("@hookimpl\ndef end_session", "def end_session"),
        "its function 'end_session' is not a hook yet: put @hookimpl above it",
    ),
    "unmarked optional": (
        GOOD + "async def keep_alive(request): ...\n",
        "its function 'keep_alive' is not a hook yet",
    ),
    "another project's marker": (
        "import pluggy\n"
        + GOOD
        + "\n@pluggy.HookimplMarker('llm')\ndef keep_alive(request): ...\n",
        "its function 'keep_alive' is not a hook yet",
    ),
    "wrapper": (
        with_hook("prewarm", marker="(wrapper=True)", kind="def", body="return (yield)"),
        "hook 'prewarm' is a pluggy wrapper",
    ),
    "old wrapper": (
        with_hook("prewarm", marker="(hookwrapper=True)", kind="def", body="yield"),
        "hook 'prewarm' is a pluggy wrapper",
    ),
    "tryfirst": (with_hook("prewarm", marker="(tryfirst=True)"), "'prewarm' is marked tryfirst"),
    "trylast": (with_hook("mint_token", marker="(trylast=True)"), "'mint_token' is marked trylast"),
    "two functions, one hook": (
        with_hook("second", marker="(specname='end_session')"),
        "more than one of its functions implements hook 'end_session'",
    ),
    "wrong argument": (
        with_hook("prewarm", arguments="req"),
        "hook 'prewarm' has wrong arguments (req): it takes request",
    ),
    "too many arguments": (
        with_hook("prewarm", arguments="request, room"),
        "hook 'prewarm' has wrong arguments (room): it takes request",
    ),
    "keyword-only argument": (
        with_hook("prewarm", arguments="*, request"),
        "hook 'prewarm' has wrong arguments (request): it takes request",
    ),
    "argument where none is": (
        with_hook("cli_commands", arguments="request", kind="def"),
        "hook 'cli_commands' has wrong arguments (request): it takes no argument",
    ),
    "async cli_commands": (
        with_hook("cli_commands", arguments=""),
        "hook 'cli_commands' must be a plain function, not 'async def'",
    ),
    "async local_stand_in": (
        with_hook("local_stand_in", arguments=""),
        "hook 'local_stand_in' must be a plain function, not 'async def'",
    ),
    "generator": (with_hook("prewarm", body="yield"), "hook 'prewarm' is a generator"),
    # --- describe_provider
    "describe raises": (
        described("raise RuntimeError('sk-secret')"),
        "describe_provider raised RuntimeError (acme_bad, line",
    ),
    "describe exits": (described("raise SystemExit"), "describe_provider raised SystemExit"),
    "describe is async": (
        described("return None", kind="async def"),
        "hook 'describe_provider' must be a plain function, not 'async def'",
    ),
    "describe gives a coroutine": (
        described("return start_session_soon()") + "\nasync def start_session_soon(): ...\n",
        "describe_provider returned an awaitable",
    ),
    "describe gives a dict": (described("return {}"), "returned dict instead of ProviderInfo"),
    "describe gives nothing": (described("return None"), "returned NoneType instead of"),
    # --- ProviderInfo
    "misnamed": (provider_source("other"), "it calls itself 'other'; both names must be equal"),
    "newer contract": (
        info(f"contract_version={NEWER}"),
        f" has version {CONTRACT_VERSION}: upgrade avatar-core",
    ),
    "older contract": (
        info(f"contract_version={OLDER}"),
        f" works with {OLDEST_CONTRACT_VERSION} and later: upgrade the provider",
    ),
    "a name of a newer core": (
        "from avatar_core import HologramRoute\n" + GOOD,
        "needs something of 'avatar_core' that this avatar-core",
    ),
    "a module of a newer core": (
        "import avatar_core.holograms\n" + GOOD,
        "needs something of 'avatar_core.holograms' that this avatar-core",
    ),
    "a field of a newer core": (info("hologram=True"), "may be written for another avatar-core"),
    "newer contract with new hooks": (
        info(f"contract_version={NEWER}")
        + HOOK.format(marker="", kind="def", name="brand_new", arguments="request", body="..."),
        "upgrade avatar-core",
    ),
    "contract version is text": (info("contract_version='1'"), "contract_version is not a whole"),
    "empty title": (GOOD.replace('"The bad provider"', '" "'), "its title is empty"),
    "options of another kind": (
        GOOD.replace("options=Options", "options=dict"),
        "its options are not a subclass of ProviderOptions",
    ),
    "options are an instance": (
        GOOD.replace("options=Options", "options=Options()"),
        "its options are not a subclass of ProviderOptions",
    ),
    "reserved option": (
        provider_source("bad", options="policy: str = ''"),
        "its options use names reserved for AvatarSession: policy",
    ),
    "reserved alias": (
        "from pydantic import Field\n"
        + provider_source("bad", options="mine: str = Field('', alias='conn_options')"),
        "its options use names reserved for AvatarSession: conn_options",
    ),
    "options that accept anything": (
        provider_source("bad", options="model_config = {'extra': 'allow'}"),
        "its options model accepts unknown options",
    ),
    "avatar option is no option": (
        info("avatar_option='face'"),
        "its avatar_option 'face' is not one of its options",
    ),
    "tokens unknown": (info("tokens='two'"), "its tokens must be 'none', 'one' or 'many'"),
    "many tokens, one role": (info("tokens='many'"), "fewer than two token_roles"),
    "one token, two roles": (info("token_roles=('a', 'b')"), "wants one token and names 2"),
    "roles repeat": (info("tokens='many', token_roles=('a', 'a')"), "token_roles repeat a name"),
    "roles are a string": (info("token_roles='avatar'"), "token_roles must be a tuple of names"),
    "credential is no option": (
        "from avatar_core.contract.models import Credential\n"
        + info("credentials=(Credential(option='api_key', variable='X'),)"),
        "its credential 'api_key' is not one of its options",
    ),
    "credentials of another kind": (info("credentials=('KEY',)"), "not Credential records"),
    "audio of another kind": (info("audio=16000"), "no valid AudioFormat"),
    "capabilities of another kind": (info("capabilities={}"), "no valid Capabilities"),
    "negative grace": (info("rejoin_grace=-1"), "its rejoin_grace is not a number of seconds"),
    "lag is nan": (info("report_lag=float('nan')"), "its report_lag is not a number of seconds"),
    "keep-alive of zero": (info("keep_alive_period=0"), "its keep_alive_period is not a number"),
}


@pytest.mark.parametrize(("source", "reason"), UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_provider_is_refused_with_a_reason(
    site: Site, registry: ProviderRegistry, source: str, reason: str
) -> None:
    site.provider("bad", source)
    with pytest.raises(ProviderLoadError) as caught:
        registry.get("bad")
    assert reason in caught.value.reason
    assert caught.value.distribution == "acme-bad"
    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("class plugin: ...", "it is the class 'plugin'; give an instance of it, or a module"),
        ("def plugin(): ...", "it is a function"),
        ("plugin = None", "it is a NoneType"),
        ("plugin = {}", "it is a dict"),
        ("class P:\n    def __dir__(self): 1/0\nplugin = P()", "looking at it raised ZeroDivision"),
    ],
)
def test_what_is_no_module_or_object_is_refused(
    site: Site, registry: ProviderRegistry, expression: str, reason: str
) -> None:
    site.install(
        "acme-odd",
        entry_points={"avatar_core.providers": {"odd": "acme_odd:plugin"}},
        modules={"acme_odd": expression},
    )
    with pytest.raises(ProviderLoadError) as caught:
        registry.get("odd")
    assert reason in caught.value.reason


@pytest.mark.parametrize("name", ["Upper", "off"])
def test_a_name_that_could_not_be_asked_for_is_refused(
    site: Site, registry: ProviderRegistry, name: str
) -> None:
    site.provider(name)
    with pytest.raises(ProviderLoadError, match="name"):
        registry.get(name)
    assert site.imported() == set()


INSTANCE = (
    provider_source("object")
    .replace("@hookimpl\ndef ", "    @hookimpl\n    def ")
    .replace("\n    return", "\n        return")
    .replace("(request)", "(self, request)")
    .replace("describe_provider()", "describe_provider(self)")
)


def test_an_instance_is_a_provider_also_when_it_cannot_be_hashed(
    site: Site, registry: ProviderRegistry
) -> None:
    head, _, hooks = INSTANCE.partition("    @hookimpl\n")
    source = (
        f"{head}class Plugin:\n    __hash__ = None\n    @hookimpl\n{hooks}\nplugin = Plugin()\n"
    )
    site.install(
        "acme-object",
        entry_points={"avatar_core.providers": {"object": "acme_object:plugin"}},
        modules={"acme_object": source},
    )
    assert registry.get("object").caller("start_session")(request=None) == "started by object"


def test_a_hook_may_have_another_name_and_take_no_argument(
    site: Site, registry: ProviderRegistry
) -> None:
    source = GOOD + "\n@hookimpl(specname='prewarm')\ndef _warm(): return 'warm'\n"
    site.provider("bad", source)
    provider = registry.get("bad")
    assert provider.caller("prewarm")(request=None) == "warm"


def test_an_imported_function_with_the_name_of_a_hook_is_no_mistake(
    site: Site, registry: ProviderRegistry
) -> None:
    site.install(
        "acme-api",
        entry_points={},
        modules={"acme_api": "async def list_sessions(request): ...\n"},
    )
    site.provider("bad", "from acme_api import list_sessions\n" + GOOD)
    assert not registry.get("bad").implements("list_sessions")


def test_a_hook_of_a_later_release_marked_optional_is_passed_over(
    site: Site, registry: ProviderRegistry
) -> None:
    site.provider("bad", with_hook("dance", marker="(optionalhook=True)"))
    assert registry.get("bad").hooks == ("describe_provider", "start_session", "end_session")
