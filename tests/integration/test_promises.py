# SPDX-License-Identifier: Apache-2.0
"""What the options of a cleanup promise, tried against fabrikam: pauses, a third hand, approval, a person who comes in time, Ctrl-C,
a case on a network's disk, and how often a large organisation is read."""
import glob
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
import yaml

from conftest import TOP
from fixtures.lab import certificates, snapshot, written
from fixtures.lab.change import Organisation
from fixtures.lab.large import LargeLab
from fixtures.lab.person import Person
from test_cleanup import LONG, Place, finish, place, running  # noqa: F401

DRIVERS = pathlib.Path(os.environ.get("BUILD_DIR") or os.path.join(TOP, "build")) / "tests" / "integration" / "drivers"
SEND = "Outbound to Office 365 - 5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"
PAUSE_SECONDS, DRAINS = 3, 3
CREDENTIALS = "soft-disable,hybrid-configuration,intra-organization-connector,service-principal-credential"


def begin(place, *arguments, **more):  # noqa: F811
    return subprocess.Popen([place.program.path, "-c", place.configuration, "-C", place.case, "--no-progress", *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def configured(place, name, **sections):  # noqa: F811
    """The same configuration with other sections."""
    with open(place.configuration, encoding="utf-8") as text:
        configuration = {**yaml.safe_load(text), **sections}
    place.configuration = certificates.write_private(place.lab.path(name), yaml.safe_dump(configuration))


def with_pause(place):  # noqa: F811
    configured(place, "paused.yaml", pauses={"observe": f"{PAUSE_SECONDS}s"})


def deleted(place):  # noqa: F811
    return {row["name"].split(",", 1)[0].removeprefix("CN=") for row in written.of(place.lab) if row["how"] == "deleted"}


@pytest.mark.parametrize("third_hand", [False, True])
def test_a_soft_disabled_connector_is_deleted_unless_a_third_hand_changed_it(place, third_hand):  # noqa: F811
    place.attest()
    with_pause(place)
    done = place.run("cleanup", "--yes", "--until", "send-connector")
    assert done.returncode == 3 and "an observation pause until" in done.stderr, done.stderr
    assert "waits for an observation pause of 3 seconds" in done.stdout and "8 done and in a pause, " in done.stderr, done
    assert deleted(place) == set() and [row["until"] for row in place.status()["waiting"]]
    if third_hand:
        snapshot.exchange(place.lab, "run", {"cmdlet": "Set-SendConnector", "parameters": {"Identity": SEND, "Comment": "mine now"}})
    time.sleep(PAUSE_SECONDS)
    done = place.run("resume", "--yes")
    if third_hand:
        assert done.returncode == 3 and "somebody else has changed it" in done.stderr and "Comment: none -> mine now" in done.stderr, done.stderr
        assert SEND not in deleted(place)
    else:
        assert done.returncode == 0, done.stderr
        assert SEND in deleted(place)


def test_a_pause_between_steps(place):  # noqa: F811
    place.attest()
    done = place.run("cleanup", "--yes", "--until", "hybrid-configuration", "--pause-between")
    assert done.returncode == 3 and "a pause between steps, before hybrid-configuration" in done.stderr, done.stderr
    assert written.of(place.lab) and deleted(place) == set()
    done = place.run("resume", "--yes")
    assert done.returncode == 0 and deleted(place) == {"Hybrid Configuration"}, done.stderr


def test_only(place):  # noqa: F811
    """What is named and nothing else, and never before what it has to follow."""
    place.attest()
    done = place.run("cleanup", "--yes", "--only", "remote-domain")
    assert done.returncode == 0 and "follows send-connector, which is not carried out" in " ".join(done.stdout.split()), done
    assert written.of(place.lab) == []
    done = place.run("cleanup", "--yes", "--only", "soft-disable")
    assert done.returncode == 0, done.stderr
    assert {row["how"] for row in written.of(place.lab)} == {"modified"}
    assert {record["action"].split("/")[0] for record in place.journal() if record["record"] == "begun"} == {"soft-disable"}


def test_a_person_who_comes_in_time(place):  # noqa: F811
    """--operator-timeout: one run, which goes on as soon as it sees what the person did."""
    place.attest()
    run = begin(place, "cleanup", "--yes=irreversible", "--operator-timeout", "2m")
    person, until, served = Person(place.lab, place.case), time.monotonic() + LONG, set()   # it may not have been seen to be done yet
    while run.poll() is None and time.monotonic() < until:
        if os.path.exists(os.path.join(place.case, "journal.db")):
            person.serve(place.program.path, place.configuration, True, served)
        time.sleep(0.5)
    said = run.communicate(timeout=LONG)[0]
    assert run.returncode == 0, said
    assert "it was seen to be done" in said and place.status()["waiting"] == []


# Whatever is asked, nobody shows the change.
LAG = {"exchange-online": ("cloud", {"replication_lag": 600, "read_elsewhere": True}), "graph": ("cloud", {"graph_lag": 600}),
       "exchange-server": ("exchange", {"replication_lag": 600})}


def set_lag(place, executor, on):  # noqa: F811
    side, knobs = LAG[executor]
    if side == "cloud":
        snapshot.cloud(place.lab, "state", {"knobs": knobs if on else dict.fromkeys(knobs, 0)})
    else:
        snapshot.exchange(place.lab, "knobs", knobs if on else dict.fromkeys(knobs, 0))


def executors(place):  # noqa: F811
    with open(glob.glob(os.path.join(place.case, "plans", "plan-*.json"))[0], encoding="utf-8") as saved:
        return {action["id"]: action["executor"] for action in json.load(saved)["actions"]}


def wait_for_doubt(place, run, executor):  # noqa: F811
    """-> the action of this executor that the run was seen to wait for; None where it ended before."""
    until = time.monotonic() + LONG
    while run.poll() is None and time.monotonic() < until:
        doubt = place.status()["in_doubt"] if os.path.exists(os.path.join(place.case, "journal.db")) else []
        for row in doubt:
            if executors(place)[row["action"]] == executor:
                return row["action"]
    return None


@pytest.mark.parametrize("executor", LAG)
def test_interrupted_while_nobody_knows(place, executor):  # noqa: F811
    """Ctrl-C while a service does not show yet what it accepted: in doubt, said so, settled by reading and not by doing it again."""
    place.attest()
    usual = place.configuration
    configured(place, "patient.yaml", replication={"directory": "5m", "cloud": "5m"})
    set_lag(place, executor, True)
    run = begin(place, "cleanup", "--yes", "--only", CREDENTIALS)
    at = wait_for_doubt(place, run, executor)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=LONG)[0]
    assert run.returncode == 130 and "resume" in said, said
    assert at and [row["action"] for row in place.status()["in_doubt"]] == [at], said
    set_lag(place, executor, False)
    place.configuration = usual
    done = place.run("resume", "--yes")
    assert done.returncode == 0, done.stderr
    begun = [record["action"] for record in place.journal() if record["record"] == "begun"]
    assert begun.count(at) == 1 and place.status()["in_doubt"] == []
    assert written.deleted_twice(written.of(place.lab)) == []


def test_interrupted_while_a_person_has_to_act(place):  # noqa: F811
    """Ctrl-C while a person is waited for: nothing is in doubt, status says what the person has to do, resume goes on."""
    place.attest()
    run = begin(place, "cleanup", "--yes=irreversible", "--operator-timeout", "5m")
    until, waiting = time.monotonic() + LONG, []
    while not waiting and run.poll() is None and time.monotonic() < until:
        waiting = place.status()["waiting"] if os.path.exists(os.path.join(place.case, "journal.db")) else []
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=LONG)[0]
    assert run.returncode == 130, said
    now = place.status()
    assert now["in_doubt"] == [] and [row["for"] for row in now["waiting"]] == ["operator"] and now["waiting"][0]["commands"]
    done = finish(place, place.run("resume", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr


def test_a_case_on_a_network_disk(place):  # noqa: F811
    place.attest()
    preload = {**os.environ, "LD_PRELOAD": str(DRIVERS / "network_disk.so")}
    for command in (["cleanup", "--yes"], ["cleanup", "--dry-run"], ["resume", "--yes"]):
        done = begin(place, *command, env=preload)
        said = done.communicate(timeout=LONG)[0]
        assert done.returncode == 73 and "the case is on NFS" in said and "local disk" in said, said
    assert written.of(place.lab) == [] and not os.path.exists(os.path.join(place.case, "journal.db"))


def test_a_large_organisation_is_read_three_times_at_most(unhybrid, tmp_path):
    """`./dev bench cleanup` does the same with 200,000."""
    lab = LargeLab(1100, str(tmp_path / "fabrikam"))
    try:
        lab.up(exchange="basic")
        large = Place(lab, unhybrid, tmp_path / "fabrikam.case")
        large.attest()
        before = snapshot.drains(lab)
        done = large.run("cleanup", "--yes=irreversible")
        for _ in range(3):
            if done.returncode == 3:
                Person(lab, large.case).serve(unhybrid.path, large.configuration, True)
                done = large.run("resume", "--yes=irreversible")
        assert done.returncode == 0, done.stderr
        drains = snapshot.drains(lab) - before
        assert drains["on-premises Get-RemoteMailbox {}"] >= 1 and max(drains.values()) <= DRAINS, drains
    finally:
        lab.down()


PRINCIPAL = "Office 365 Exchange Online"
UNKNOWN, OTHER = "7b000000-1b2c-4d3e-8f40-0f00000000aa", "7b000000-1b2c-4d3e-8f40-0f00000000bb"


def principal(place):  # noqa: F811
    return next(one for one in snapshot.take(place.lab)["cloud"]["graph"]["servicePrincipals"] if one["displayName"] == PRINCIPAL)


def keys(place):  # noqa: F811
    return {one["keyId"] for one in principal(place)["keyCredentials"]}


def another_credential(place):  # noqa: F811
    """In force, and nobody's, like the one that fabrikam has."""
    known = next(one for one in principal(place)["keyCredentials"] if one["keyId"] == UNKNOWN)
    with open(place.lab.path("ca.pem"), encoding="ascii") as pem:
        key = "".join(line.strip() for line in pem if "-----" not in line)
    added = {**known, "keyId": OTHER, "displayName": "CN=somebody", "customKeyIdentifier": None, "key": key}
    return {"cloud": {f"graph/servicePrincipals/{PRINCIPAL}/keyCredentials+": [added]}}


def test_what_a_person_has_to_approve(place):  # noqa: F811
    """Two credentials that are nobody's: without approval both stay, and it is said why; with it that very one goes, though the one
    before it stays; who approved which, and when, stands in the journal."""
    with Organisation(place.lab).changed(another_credential(place)):
        place.attest()
        asked = {action["part"]: action["id"] for action in place.plan("--only", CREDENTIALS)["actions"] if action.get("approval")}
        assert set(asked) == {UNKNOWN, OTHER}
        done = place.run("cleanup", "--yes=irreversible", "--only", CREDENTIALS)
        assert done.returncode == 0 and "a person has to approve it" in done.stderr, done.stderr
        assert keys(place) == {UNKNOWN, OTHER}, "this organisation's own are gone"
        said = place.status()["skipped"]
        assert {row["action"] for row in said} == set(asked.values()) and all(f"--approve {row['action']}" in row["why"] for row in said)
        assert f"--approve {asked[OTHER]}" in place.run("status").stdout
        done = place.run("cleanup", "--yes", "--only", CREDENTIALS, "--approve", asked[OTHER])
        assert done.returncode == 0 and keys(place) == {UNKNOWN}, done.stderr
        records = place.journal()
        begun = next(record for record in records if record["record"] == "begun" and record["action"] == asked[OTHER])
        opened = [record for record in records if record["record"] == "opened"][-1]
        assert begun["body"]["person"] and "in force" in begun["body"]["approved"] and begun["at"] >= opened["at"]
        assert opened["body"]["person"] == begun["body"]["person"] and opened["body"]["options"]["approved"] == [asked[OTHER]]
        assert not [record for record in records if record["record"] == "begun" and record["action"] == asked[UNKNOWN]]


# A domain of the tenant that is neither this organisation's nor the other forest's.
WHOSE = {"cloud": {"exchange_online/AvailabilityAddressSpace+": [{"Name": "whose.example", "ForestName": "fabrikam.onmicrosoft.com", "AccessMethod": "InternalProxy"}]}}


def test_a_finished_plan_that_left_a_step(place):  # noqa: F811
    """All that could be planned is done, and of one step it cannot be told whose an object is: resume names it, and does not say that
    all is done; once it can be told, a new plan takes the step up."""
    steps = "soft-disable,hybrid-configuration,intra-organization-connector,organization-relationship,availability-address-space"
    with Organisation(place.lab).changed(WHOSE):
        place.attest()
        done = place.run("cleanup", "--yes", "--only", steps)
        assert done.returncode == 3 and "availability-address-space" in done.stderr, done.stderr
        assert place.status()["cleanup"]["plan"]["state"] == "finished"
        before = written.of(place.lab)
        done = place.run("resume", "--yes")
        assert done.returncode == 3 and "plans them anew" in done.stdout and "whose.example" in done.stdout, done
        assert "availability-address-space: " in done.stdout and "carried out in full" not in done.stdout, done.stdout
        assert written.of(place.lab) == before
    done = place.run("cleanup", "--yes", "--only", steps)
    assert done.returncode == 0, done.stderr
    done = place.run("resume", "--yes")
    assert done.returncode == 0 and "carried out in full" in done.stdout, done
