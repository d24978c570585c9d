"""Writes docs/reference/livekit-plugins.md: python -m scripts.livekit_plugin_table."""

from __future__ import annotations

from pathlib import Path

from avatar_provider_livekit.known_plugins import KNOWN_PLUGINS
from avatar_provider_livekit.proof import PROOFS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "livekit-plugins.md"

INTRODUCTION = """\
<!-- Written by scripts/livekit_plugin_table.py from avatar_provider_livekit, by make docs. -->

# LiveKit's avatar plugins

Every installed `livekit.plugins.<x>.AvatarSession` is the provider `livekit.<x>`. This table says
which were run, and how: against doubles of the vendors' HTTP APIs on loopback, with the plugin's
own package, unmodified, a real LiveKit server, real rooms and a real worker. It says nothing about
the vendors' services.

- **proven**: all of the matrix passed in one run. A sentence is heard from the avatar, whole, once;
  it is interrupted, paused and resumed; closing gives the agent's voice back and leaves nobody in
  the room; it takes over from another vendor in mid-sentence; when its worker drops out in
  mid-sentence the voice goes on, with 0.6 s lost at most, or 1.3 s where the worker does not say
  when it begins to play; 401 and 503 are told as what they are; a vendor that does not answer holds
  a start no longer than `AvatarPolicy.start_timeout` and the cleaning up; a lost answer leaves
  nobody in the room; while it never joins the voice speaks, and the next provider takes its place.
- **experimental**: some of it was run, and not all of it passed or could be judged.
- **not run**: no double of its API is there. It may work.

`make compat` runs the matrix on the oldest and the newest version of each.

| Provider | Vendor | State | Plugin, livekit-agents | Retries by the plugin | Told of the end |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page's text."""
    rows, notes = [], []
    for name, known in sorted(KNOWN_PLUGINS.items()):
        proof = PROOFS.get(name)
        state = "not run" if proof is None else proof.level
        versions = "" if proof is None else f"{proof.version}, {proof.agents}"
        if proof is not None and proof.note:
            notes.append(f"`livekit.{name}`: {proof.note}\n")
        end = "yes" if known.ends_at_vendor else "no: it notices that its avatar was removed"
        rows.append(f"| `livekit.{name}` | {known.title} | {state} | {versions} | none | {end} |\n")
    return INTRODUCTION + "".join(rows) + ("\n" + "\n".join(notes) if notes else "") + OUTSIDE


OUTSIDE = """
## What cannot be had from outside

- A start whose answer is lost is asked for once, for no plugin sends a key that a vendor could know
  it by. Its avatar is looked for in the room and removed; a session may be billed until the vendor
  ends it.
- The end: the participants are removed and the plugin is closed. Whether the vendor is told by that
  stands in the table; what is billed otherwise is up to the vendor.
- Sessions of an agent that was killed: the vendor ends them when it notices.
- The worker's token is the plugin's: good for 6 h, with every right in the room.
- The status of an error is what the plugin raises or logs.
- An object that you made can be started once, so its avatar is not brought back when it is lost.

A plugin is given the key of your LiveKit project, as it is without avatar-core, to make that token.
Retries of its own are switched off (`conn_options.max_retry`): most would each make a session that
is billed. For an object that you made yourself that is yours to set.

Private names of `livekit-agents` are used with its versions from 1.8.9 on, below 1.9. With another
version speech goes by LiveKit's own sender, which a warning says once: it leaves listeners in the
room, and an avatar that is lost in mid-sentence costs the rest of that sentence.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
