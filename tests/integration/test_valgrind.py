# SPDX-License-Identifier: Apache-2.0
"""No leak and no wrong memory access in a whole audit: the libraries' memory counts too, so nothing is suppressed.

AddressSanitizer sees only what was compiled with it; valgrind sees libldap, libcurl and the rest as well.
"""
import shutil
import subprocess

import pytest

SECONDS = 300
VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,possible", "--error-exitcode=99", "--num-callers=30"]


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_audit_leaks_nothing(labs, unhybrid, tmp_path):
    done = subprocess.run(VALGRIND + [unhybrid.path, "-c", labs("contoso").write_configuration(), "-C", str(tmp_path / "case"),
                                      "--no-progress", "audit"],
                          timeout=SECONDS, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace")
    assert done.returncode == 1, done.stderr[-5000:]
    assert "blocked" in done.stdout.splitlines()[0]
