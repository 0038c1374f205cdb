# SPDX-License-Identifier: Apache-2.0
"""A seeded share of ./dev crash --lab: so many runs as fit into some seconds. Needs a program built with -Dfailpoints=true."""
import os
import re
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS, SEED, FEWEST = 20, 20261126, 2


@pytest.mark.parametrize("command", ["cleanup", "sweep"])
def test_share(tmp_path, command):
    words = ["/usr/bin/python3", os.path.join(HERE, "crash_lab.py"), os.environ["UNHYBRID"], "--command", command, "--seconds", str(SECONDS),
             "--seed", str(SEED), "--jobs", "2", "--keep", str(tmp_path)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    (runs,) = re.findall(rf"^{command}: (\d+) of \d+ runs, 0 failed", done.stdout, re.M)
    assert int(runs) >= FEWEST
