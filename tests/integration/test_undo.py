# SPDX-License-Identifier: Apache-2.0
"""`unhybrid undo`: what a cleanup took away is back as it was, but for what a new object must have new."""
import glob
import json
import os
import sqlite3

from fixtures.lab import written
from fixtures.lab.change import Organisation
from test_cleanup import finish, place, running  # noqa: F401 (fixtures)

BACK = ("yes", "new-object")
# What a new object has new: its identity, its times, and who made it.
NEW = {"Guid", "Id", "Identity", "DistinguishedName", "WhenChanged", "WhenChangedUTC", "WhenCreated", "WhenCreatedUTC", "ModifiedBy"}


def observed(place):  # noqa: F811
    """{(source, side, kind, listing, name): properties} of a new observation: configuration objects of every kind."""
    assert place.run("-q", "audit").returncode in (0, 1, 2)
    with sqlite3.connect(f"file:{max(glob.glob(os.path.join(place.case, 'facts-*.db')))}?mode=ro", uri=True) as facts:
        rows = facts.execute("SELECT source, side, kind, listing, name, identity, json FROM object").fetchall()
    return {(source, side, kind, listing, identity if kind in ("ExchangeCertificate", "ReceiveConnector") else name):
            {key: value for key, value in json.loads(text).items() if key not in NEW} for source, side, kind, listing, name, identity, text in rows}


def plain(value):
    """Lists have no order."""
    return sorted(value, key=str) if isinstance(value, list) else value


def changed(before, after):
    """What is missing, what is too much, and which properties are others."""
    out = [f"missing: {key}" for key in sorted(set(before) - set(after))] + [f"too much: {key}" for key in sorted(set(after) - set(before))]
    for key in sorted(set(before) & set(after)):
        names = {name for name in set(before[key]) | set(after[key]) if plain(before[key].get(name)) != plain(after[key].get(name))}
        out += [f"{key}: {name}: {before[key].get(name)!r} -> {after[key].get(name)!r}" for name in sorted(names)]
    return out


def cleaned(place):  # noqa: F811
    """A cleanup of the steps that can be undone in full, but those that follow one that cannot. -> (facts from before it, what was done)."""
    place.attest()
    before, actions = observed(place), place.plan()["actions"]
    steps = {action["step"] for action in actions} - {action["step"] for action in actions if action["reversible"] not in BACK}
    done = place.run("cleanup", "--yes", "--only", ",".join(sorted(steps)))
    assert done.returncode == 0, done.stderr
    verified = {record["action"] for record in place.journal() if record["record"] == "verified"}
    return before, [action for action in actions if action["id"] in verified]


def test_everything_is_put_back(place):  # noqa: F811
    """In reverse order, each action of each step that can be undone: the facts are those from before it."""
    before, actions = cleaned(place)
    assert len(actions) > 20 and changed(before, observed(place))
    for action in reversed(actions):
        done = place.run("undo", action["id"], "--yes")
        assert done.returncode == 0, f"{action['id']}: {done.stderr}"
    left = changed(before, observed(place))
    assert left == [], "\n".join(left)
    assert written.deleted_twice(written.of(place.lab)) == []
    assert json.loads(place.run("journal", "export").stdout)["records"][-1]["record"] != "stopped"


def test_a_second_time_and_out_of_order(place):  # noqa: F811
    """What was put back is not put back again; what something later was done to waits for that."""
    _, actions = cleaned(place)
    disable = next(action["id"] for action in actions if action["step"] == "soft-disable")
    remove = next(action["id"] for action in actions if action["verb"] == "remove" and action["subject"]["guid"] in disable)
    first = place.run("undo", disable, "--yes")
    assert (first.returncode, remove in first.stderr) == (64, True), first.stderr
    assert place.run("undo", remove, "--yes").returncode == 0
    made = [row for row in written.of(place.lab) if row["how"] == "created"]
    again = place.run("undo", remove, "--yes")
    assert again.returncode == 64, again.stderr
    assert place.run("undo", disable, "--yes").returncode == 0
    assert [row for row in written.of(place.lab) if row["how"] == "created"] == made and len(made) == 1


def test_dry_run_sends_nothing(place):  # noqa: F811
    _, actions = cleaned(place)
    action = next(action["id"] for action in reversed(actions) if action["reversible"] == "new-object")
    before = written.of(place.lab)
    done = place.run("undo", action, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert written.of(place.lab) == before


OAUTH = ("setting-override", "auth-server", "partner-application", "dedicated-application")
OAUTH_KINDS = ("SettingOverride", "AuthServer", "PartnerApplication", "GraphApplication", "GraphServicePrincipal")


def test_what_oauth_needs_is_put_back(place):  # noqa: F811
    """They follow credentials, which only a person brings back: the application comes out of the bin, and the servers call
    themselves by it again."""
    with Organisation(place.lab).changed({"directory": {"hybrid/modern_authentication": True}}):
        put_back_oauth(place)


def put_back_oauth(place):  # noqa: F811
    place.attest()
    before = {key: value for key, value in observed(place).items() if key[2] in OAUTH_KINDS}
    done = finish(place, place.run("cleanup", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    assert changed(before, {key: value for key, value in observed(place).items() if key[2] in OAUTH_KINDS})
    actions = [record["action"] for record in place.journal() if record["record"] == "begun" and record["action"].split("/")[0] in OAUTH]
    assert {action.split("/")[0] for action in actions} == set(OAUTH)
    assert {action.rsplit("/", 1)[-1] for action in actions} >= {"IsDefaultAuthorizationEndpoint", "ApplicationIdentifier"}
    for action in reversed(actions):
        done = place.run("undo", action, "--yes")
        assert done.returncode == 0, (action, done.stderr)
    after = {key: value for key, value in observed(place).items() if key[2] in OAUTH_KINDS}
    # Not back: credentials of Microsoft's own principal, and the Hybrid Agent, which a person removed. XmlRaw tells ModifiedBy again.
    left = [line for line in changed(before, after)
            if not any(word in line for word in ("keyCredentials", "XmlRaw", "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000031"))]
    assert left == [], "\n".join(left)
