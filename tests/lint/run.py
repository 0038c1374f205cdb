#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything of ./dev lint: run.py TOP BUILD (a directory set up with clang). Exit 1 when anything was found."""
import concurrent.futures
import os
import shutil
import subprocess
import sys

from tree import files

HERE = os.path.dirname(os.path.abspath(__file__))


def run(title, command, top):
    done = subprocess.run(command, cwd=top, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        print(f"---- {title}\n{done.stdout.rstrip()}", flush=True)
    return done.returncode == 0


def tidy(top, build):
    """clang-tidy needs what the build generates, and reads how each file is compiled."""
    if not run("build for clang-tidy", ["ninja", "-C", build], top):
        return False
    sources = [path for path in files(top, ".c") if path.startswith(("engine/", "checks/", "cleanup/"))]
    one = lambda path: run("clang-tidy " + path, ["clang-tidy", "--quiet", "-p", build, path], top)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(list(pool.map(one, sources)))


def main():
    top, build = sys.argv[1:3]
    code = [path for path in files(top, ".c", ".h") if not path.startswith("fixtures/")]
    steps = [run("clang-format", ["clang-format", "--dry-run", "-Werror"] + code, top)]
    for script in ("headers.py", "functions.py", "cuts.py"):
        steps.append(run(script, [sys.executable, os.path.join(HERE, script), top], top))
    steps.append(run("schema", [sys.executable, "fixtures/lab/schema/generate.py", "--check"], top))
    if shutil.which("shellcheck"):
        steps.append(run("shellcheck", ["shellcheck", "dev", ".ci/run"] + files(top, ".sh"), top))
    steps.append(tidy(top, build))
    steps.append(run("includes.py", [sys.executable, os.path.join(HERE, "includes.py"), top, build], top))
    print("lint: clean" if all(steps) else "lint: found something")
    return 0 if all(steps) else 1


if __name__ == "__main__":
    sys.exit(main())
