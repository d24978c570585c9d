from __future__ import annotations

from pathlib import Path

from avatar_core.livekit_server.server_log import ServerLog


def test_the_log_never_outgrows_its_bound(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "server.log", limit=1000)
    for number in range(500):
        log.write(f"line {number}\n".encode())
    log.close()

    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"server.log", "server.log.old"}
    assert all(size <= 1000 for size in sizes.values())
    assert (tmp_path / "server.log").read_text().endswith("line 499\n")


def test_the_last_lines_are_at_hand_for_an_error(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "server.log")
    for number in range(60):
        log.write(f"line {number}\n".encode())
    log.write(b"not \xff text\n")
    log.close()

    assert len(log.tail()) == 50
    assert log.tail()[-2:] == ["line 59", "not \N{REPLACEMENT CHARACTER} text"]
