# SPDX-License-Identifier: Apache-2.0
"""The files that the checks of this folder look at."""
import os
import subprocess


def files(top, *endings):
    """Paths relative to top of what git knows, and of what it would add, with one of these endings (all when none)."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=top, check=True,
                            stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = sorted(set(path for path in listed if os.path.isfile(os.path.join(top, path))))
    return [path for path in found if not endings or path.endswith(endings)]


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8", errors="surrogateescape") as text:
        return text.read()


def report(faults):
    """Prints each on a line; the exit code."""
    found = list(faults)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0
