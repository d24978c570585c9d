# -*- coding: utf-8 -*-
"""Make the project's environment, .venv, unless it is there and up to date: setup.py [FOLDER]

This file runs under whatever `python3` is, also one that is too old: so it is written in what
every Python understands, finds a usable one and hands over to scripts/environment.py.
"""

import glob
import hashlib
import io
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Newest first of those the tests run on; a later one is taken if there is nothing else.
TESTED = ["3.13", "3.12", "3.11", "3.10"]
LATER = ["3.14", "3.15", "3.16"]
PROBE = "import sys; print('%d.%d %s' % (sys.version_info[0], sys.version_info[1], sys.executable))"


def inputs_hash(requested):
    """Return a hash of all that decides what .venv holds."""
    patterns = ["requirements/*.txt", "pyproject.toml", "providers/*/pyproject.toml"]
    patterns += ["scripts/setup.py", "scripts/environment.py"]
    # Scripts in an environment hold its absolute path, so a moved clone needs a new one.
    digest = hashlib.sha256((ROOT + "\0" + requested).encode("utf-8"))
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            digest.update(os.path.relpath(path, ROOT).encode("utf-8"))
            with io.open(path, "rb") as handle:
                digest.update(handle.read())
    return digest.hexdigest()


def up_to_date(venv, wanted):
    try:
        with io.open(os.path.join(venv, "stamp"), encoding="utf-8") as handle:
            return handle.read() == wanted and os.path.exists(os.path.join(venv, "bin", "python"))
    except IOError:
        return False


def probe(command):
    """Return ("3.11", "/full/path/python3.11") for a Python that runs, else None."""
    try:
        process = subprocess.Popen(
            [command, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        answer = process.communicate()[0].decode("utf-8", "replace").split(None, 1)
    except OSError:
        return None
    # A version manager's shim can be on PATH for a version that is not active: it then fails.
    if process.returncode != 0 or len(answer) != 2:
        return None
    return answer[0], answer[1].strip()


def find_python(requested):
    """Return (version, full path) of the Python to use, or None."""
    if requested:
        found = probe(requested)
        return found if found and usable(found[0]) else None
    seen = {}
    for name in ["python" + version for version in TESTED] + [sys.executable, "python3", "python"]:
        found = probe(name)
        if found and found[0] in TESTED:
            seen.setdefault(found[0], found)
            if found[0] == TESTED[0]:
                break
    for version in TESTED:
        if version in seen:
            return seen[version]
    for name in ["python" + version for version in LATER] + [sys.executable, "python3", "python"]:
        found = probe(name)
        if found and usable(found[0]):
            return found
    return None


def usable(version):
    return tuple(int(part) for part in version.split(".")) >= (3, 10)


def main():
    requested = os.environ.get("PYTHON", "")
    venv = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else ".venv")
    wanted = inputs_hash(requested)
    if up_to_date(venv, wanted):
        return 0
    found = find_python(requested)
    if found is None:
        named = requested or "python3"
        have = probe(named)
        what = "%s is Python %s" % (named, have[0]) if have else "%s does not run" % named
        sys.stderr.write(
            "error: Python 3.10 or later is needed and %s: install one, or name it: "
            "make PYTHON=/path/to/python3.12\n" % what
        )
        return 1
    environment = os.path.join(ROOT, "scripts", "environment.py")
    return subprocess.call([found[1], "-S", environment, found[1], venv, wanted])


if __name__ == "__main__":
    sys.exit(main())
