# SPDX-License-Identifier: Apache-2.0
"""`unhybrid sweep`: nothing while a server is left; and what Active Directory says once it is gone."""

import glob
import os
import sqlite3

import pytest

from fixtures.lab import uninstall
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


def sets(place, *names):
    """What an observation says of sets of the directory: {name: (state, objects)}."""
    place.run("audit", "--purpose", "after")
    facts = max(glob.glob(os.path.join(place.case, "facts-*.db")), key=os.path.getmtime)
    with sqlite3.connect(facts) as db:
        return {name: db.execute('SELECT state, objects FROM "set" WHERE source = \'directory\' AND name = ?', (name,)).fetchone() for name in names}


@pytest.fixture
def directory(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("gone") / "fabrikam"))
    lab.up(("directory",))
    yield lab
    lab.down()


@pytest.mark.parametrize("world,stays,state", [
    ("server-only", (), "complete"),                                # the containers are there, and empty
    ("organisation", (), "complete"),                               # gone, and no computer answers for it any more
    ("organisation", ("service-principal-names",), "failed"),       # one still does: hidden looks the same
    ("organisation", ("organization",), "complete"),                # its bare container, or some of what stood in it
    ("between", ("hybrid-objects",), "complete"),
    ("organisation", ("organization", "service-principal-names"), "failed")])
def test_gone_is_told_from_hidden(directory, unhybrid, tmp_path, world, stays, state):
    uninstall.play(directory, world, stays, force=True)
    told = sets(Place(directory, unhybrid, tmp_path / "x.case"), "ExchangeServer", "ReceiveConnector", "HybridConfiguration")
    assert {name: answer[0] for name, answer in told.items()} == dict.fromkeys(told, state)
    assert told["ExchangeServer"][1] == 0
