# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C while the directory executor deletes, its server's answer or its own request still on the way: exit 130, the action is in a known state or
in doubt, and resume looks before it does anything."""
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

import ldap
import pytest
import yaml

from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
from recording_proxy import RecordingProxy
from test_cleanup import LONG
from test_sweep_end import Swept, directory

SETTLES_SECONDS = 3   # that a deletion may take to be seen everywhere
SLOW_SECONDS = 1
STOP_SECONDS = 30     # an answer that is on its way is waited for, not for ever
ONLY = ("--only", "hybrid-object")


class SlowProxy(RecordingProxy):
    """What goes one way, towards the server or back from it, takes its time; once nothing is let through any more, it is kept."""

    def __init__(self, port, requests):
        super().__init__(port)
        self.requests, self.shut, self.kept = requests, threading.Event(), 0

    def pass_on(self, target, data):
        if (target.getpeername()[1] == self.target) == self.requests and self.shut.wait(SLOW_SECONDS):
            self.kept += len(data)
            return
        target.sendall(data)


@pytest.fixture
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("sweep-interrupted") / "fabrikam"))
    lab.up(exchange="basic")
    uninstall.play(lab, "server-only", ("scp",), force=True)
    yield lab
    lab.down()


def configure(place, name, change):
    """Another configuration of that name: as change() makes it of the present one."""
    with open(place.configuration, encoding="utf-8") as text:
        settings = yaml.safe_load(text)
    change(settings, urllib.parse.urlsplit(settings["directory"]["url"]))
    path = place.lab.path(name)
    with open(path, "w", encoding="utf-8") as text:
        yaml.safe_dump(settings, text)
    return path


def settle_soon(settings, _):
    settings["replication"] = {"directory": f"{SETTLES_SECONDS}s"}


def through(port):
    """The operator's account goes to another port; the audit's goes the usual way."""
    def change(settings, url):
        settings["operator"]["directory"]["url"] = f"{url.scheme}://{url.hostname}:{port}"
    return change


def port_of(place):
    with open(place.configuration, encoding="utf-8") as text:
        return urllib.parse.urlsplit(yaml.safe_load(text)["directory"]["url"]).port


def begun(place):
    if not os.path.exists(os.path.join(place.case, "journal.db")):
        return []
    return [record["action"] for record in place.journal() if record["record"] == "begun"]


def await_deletion(lab, names, run):
    """Until one of the entries is gone, by another way than the proxy's."""
    link, until = uninstall.connect(lab), time.monotonic() + LONG
    try:
        while run.poll() is None and time.monotonic() < until:
            for name in names:
                try:
                    link.search_s(name, ldap.SCOPE_BASE, attrlist=["1.1"])
                except ldap.NO_SUCH_OBJECT:
                    return
    finally:
        link.unbind_s()
    raise AssertionError("nothing was deleted")


def await_begun(place, run):
    until = time.monotonic() + LONG
    while not begun(place):
        assert run.poll() is None and time.monotonic() < until, "nothing was begun"


@pytest.mark.parametrize("held", ["late-answer", "lost-answer", "request"])
def test_interrupted_while_an_entry_is_deleted(running, unhybrid, tmp_path, held):
    place = Swept(running, unhybrid, tmp_path / "fabrikam.case")
    place.attest()
    before = set(directory(running))
    plan = json.loads(place.run("sweep", "--dry-run", "--format", "json", *ONLY).stdout)
    entries = {a["id"]: a["directory"]["dn"] for a in plan["actions"] if a["executor"] == "directory"}
    assert entries and {uninstall.normal(dn) for dn in entries.values()} <= before, plan["steps"]
    place.configuration = configure(place, "soon.yaml", settle_soon)
    with SlowProxy(port_of(place), held == "request") as proxy:
        slow = configure(place, "slow.yaml", through(proxy.port))
        run = subprocess.Popen([unhybrid.path, "-c", slow, "-C", place.case, "--no-progress", "sweep", "--yes=irreversible", *ONLY],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if held == "request":
            await_begun(place, run)
        else:
            await_deletion(running, entries.values(), run)
        if held != "late-answer":
            proxy.shut.set()
        stopped = time.monotonic()
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=LONG)[0]
    assert run.returncode == 130 and "resume" in said and time.monotonic() - stopped < STOP_SECONDS, said
    assert bool(proxy.kept) == (held != "late-answer"), "what was to be lost was not on its way"
    at, gone = begun(place), before - set(directory(running))
    assert len(at) == 1 and gone == (set() if held == "request" else {uninstall.normal(entries[at[0]])}), (at, gone)
    doubt = [row["action"] for row in place.status()["in_doubt"]]
    known = {record["record"] for record in place.journal() if record["action"] == at[0]} & {"verified", "failed"}
    assert doubt == at or known == {"failed" if held == "request" else "verified"}, said
    done = place.run("resume", "--yes=irreversible")
    assert done.returncode == 0, done.stderr
    assert before - set(directory(running)) == {uninstall.normal(dn) for dn in entries.values()}
    assert begun(place).count(at[0]) == (2 if held == "request" else 1) and place.status()["in_doubt"] == []
