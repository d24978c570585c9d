from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Block, all_blocks, blocks_of, documents, is_in_order, pages_in_order
from tests.docs.place import Place
from tests.docs.runners import run_block


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_a_code_block_of_the_documentation_works(
    block: Block, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run_block(block, Place(folder=tmp_path, fixture=request.getfixturevalue))


# They build and run whole packages, calls included, which takes some longer than three minutes on a
# busy machine; and calls are in real time.
@pytest.mark.timeout(600)
@pytest.mark.flaky(reruns=1)
@pytest.mark.usefixtures("livekit_server")  # begun before the test: it stays for the next one
@pytest.mark.parametrize("page", pages_in_order())
def test_a_page_that_builds_something_works_from_its_beginning_to_its_end(
    page: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    place = Place(folder=folder, fixture=request.getfixturevalue, in_order=True)
    try:
        for block in pages_in_order()[page]:
            run_block(block, place)
    finally:
        place.stop()


def test_the_readme_and_the_site_are_among_the_documents() -> None:
    names = {path.name for path in documents()}
    assert {"README.md", "CONTRIBUTING.md", "index.md", "getting-started.md"} <= names


def run_text(text: str, folder: Path) -> None:
    place = Place(folder=folder, fixture=pytest.fail, in_order=is_in_order(text))
    try:
        for block in blocks_of(text, path="page.md"):
            run_block(block, place)
    finally:
        place.stop()


@pytest.mark.parametrize(
    "text",
    [
        "```\nls\n```",
        "```sh\nls\n```",
        "```rust\nfn main() {}\n```",
        "<!-- run: nothing -->\n```python\n1\n```",
        "<!-- run: -->\n```python\n1\n```",
    ],
    ids=["no language", "shell", "a language nobody runs", "unknown kind", "no kind"],
)
def test_a_block_that_nothing_can_run_fails(text: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"page\.md:\d: .*put <!-- run: KIND -->"):
        run_text(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nraise SystemExit(1)\n```",
        "<!-- run: shell -->\n```sh\nfalse\ntrue\n```",
        "<!-- run: make -->\n```sh\nmake nothing-of-the-kind\n```",
        "<!-- run: install -->\n```sh\npip install 'avatar-core[no-such-extra]'\n```",
        "```toml\na = \n```",
        "<!-- run: part-of conftest.py -->\n```python\nnot = in_there\n```",
        "<!-- run: picture -->\n```python\n1 / 0\n```",
        "<!-- run: shell -->\n```sh\necho one\n```\n<!-- run: output -->\n```text\ntwo\n```",
        "<!-- run: script postgres -->\n```python\n1\n```",
        "<!-- run: shell fails -->\n```sh\ntrue\n```",
        "<!-- run: background -->\n```sh\nsleep 60\n```",
        "<!-- run-in-order -->\n<!-- run: background port:9 -->\n```sh\nfalse\n```",
        "`a.txt`:\n<!-- run: file a.txt -->\n```text\na\n```",
        "<!-- run-in-order -->\n<!-- run: file a.txt -->\n```text\na\n```",
        "<!-- run-in-order -->\n<!-- run: adds-to a.txt -->\n```text\na\n```",
        "<!-- run-in-order -->\n`a.py`:\n<!-- run: file a.py -->\n```python\na = 1\n```\n"
        "<!-- run: replaces a a.py -->\n```python\nb = 1\n```",
        "<!-- run-in-order -->\n`../a.txt`:\n<!-- run: file ../a.txt -->\n```text\na\n```",
    ],
)
def test_a_block_that_does_not_work_fails(text: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError), match=r"page\.md:\d|Invalid value"):
        run_text(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nimport avatar_core\n```",
        "- in a list\n\n    ```python\n    if True:\n        x = 1\n    assert x\n    ```",
        "<!-- run: shell -->\n```sh\nprintf 'a\\nb\\nc\\n'\n```\n"
        "<!-- run: output -->\n```text\na\n…\nc\n```",
        "<!-- run: shell -->\n```sh\nprintf 'NAME     A  \\n b    c'\n```\n"
        "<!-- run: output -->\n```text\nNAME  A\n b  …\n```",
        "```json\n[1]\n```\n\n```yaml\na: 1\n```",
        "<!-- run: part-of conftest.py -->\n```python\nimport psutil\nimport pytest\n```",
        "````text\n```\n````".replace("````text", "<!-- run: picture -->\n````text"),
        "<!-- run-in-order -->\n`b/a.txt`:\n<!-- run: file b/a.txt -->\n```text\none\n```\n"
        "<!-- run: adds-to b/a.txt -->\n```text\ntwo\n```\n"
        "<!-- run: shell fails -->\n```sh\ncat b/a.txt && mkdir once && rm b/a.txt && false\n```\n"
        "<!-- run: output -->\n```text\none\n…\ntwo\n```",
        "<!-- run-in-order -->\n`a.py`:\n<!-- run: file a.py -->\n"
        "```python\ndef b():\n    pass\n\n\n@str\ndef c():\n    pass\n```\n"
        "<!-- run: replaces c a.py -->\n```python\nd = 1\n```\n"
        "<!-- run: shell -->\n```sh\ncat a.py\n```\n"
        "<!-- run: output -->\n```text\ndef b():\n    pass\n\n\nd = 1\n```",
    ],
)
def test_a_block_that_works_passes(text: str, tmp_path: Path) -> None:
    run_text(text, tmp_path)


def test_what_runs_in_the_background_has_to_run_as_long_as_its_page(tmp_path: Path) -> None:
    place = Place(folder=tmp_path, fixture=pytest.fail, in_order=True)
    (block,) = blocks_of("<!-- run: background -->\n```sh\ntrue\n```", path="page.md")
    run_block(block, place)
    place.running[str(block)].wait(timeout=60)

    with pytest.raises(AssertionError, match=r"ended before the page did: \['page\.md:2'\]"):
        place.stop()


@pytest.mark.parametrize("text", ["```python\n1\n", "<!-- run: shell -->\n\n```sh\nls\n```"])
def test_a_marker_or_fence_that_belongs_to_nothing_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"page\.md"):
        blocks_of(text, path="page.md")


def test_a_block_with_a_server_gets_its_address(
    tmp_path: Path, request: pytest.FixtureRequest, livekit_server: object
) -> None:
    text = (
        "<!-- run: script livekit_server -->\n```python\nimport os\n"
        "assert os.environ['LIVEKIT_URL'].startswith('ws://127.0.0.1:')\n"
        "assert os.environ['LIVEKIT_API_KEY'] and os.environ['LIVEKIT_API_SECRET']\n```"
    )
    (block,) = blocks_of(text, path="page.md")
    run_block(block, Place(folder=tmp_path, fixture=request.getfixturevalue))
