# SPDX-License-Identifier: Apache-2.0
"""`unhybrid sweep`: nothing while a server is left."""

import pytest

from fixtures.lab.lab import Lab
from test_cleanup import Place, writing_requests


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("sweep") / "fabrikam"))
    lab.up(exchange="basic")
    yield lab
    lab.down()


def test_nothing_is_swept_up_while_a_server_is_left(running, unhybrid, tmp_path):
    place = Place(running, unhybrid, tmp_path / "fabrikam.case")
    before = len(writing_requests(running))
    for arguments in (["--dry-run"], ["--yes=irreversible"]):
        done = place.run("sweep", *arguments)
        assert done.returncode == 1 and "FABEX01 is still there" in done.stderr and "cleanup" in done.stderr
    assert len(writing_requests(running)) == before
