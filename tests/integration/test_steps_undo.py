# SPDX-License-Identifier: Apache-2.0
"""What the steps C-00 to C-06 take away in fabrikam comes back by undo: every object that was there is there again, with
every property that it had but for those that a new object must have new. And flags that are wrong are put right first, though the
audit is not ready while they are."""
import glob
import json
import os
import sqlite3

from fixtures.lab import snapshot, written
from fixtures.lab.change import Organisation
from test_cleanup import place, running  # noqa: F401 (fixtures)

KINDS = ("IntraOrganizationConnector", "OrganizationRelationship", "SendConnector", "ReceiveConnector", "InboundConnector", "OutboundConnector",
         "AvailabilityAddressSpace", "RemoteDomain", "HybridConfiguration", "WebServicesVirtualDirectory", "AcceptedDomain",
         "OnPremisesOrganization")
# The steps' undo_limits say so. Which management tools' version made an object is no property of the deployment.
NEW = {"guid", "id", "identity", "objectguid", "exchangeobjectid", "immutableid", "whenchanged", "whenchangedutc", "whencreated", "whencreatedutc",
       "distinguishedname", "originatingserver", "exchangeversion", "objectstate", "lastvalidationtimestamp", "isvalidated", "runspaceid"}

CANNOT = {("cloud", "AvailabilityAddressSpace", "UseServiceAccount")}   # there the cmdlet that makes one has no such parameter


def objects(case):
    newest = max(glob.glob(os.path.join(case, "facts-*.db")), key=os.path.getmtime)
    facts = sqlite3.connect(newest)
    rows = facts.execute("SELECT source, side, kind, listing, name, json FROM object WHERE kind IN (%s)" % ",".join("?" * len(KINDS)), KINDS)
    found = {}
    for source, side, kind, listing, name, text in rows:
        properties = {key: sorted(value, key=str) if isinstance(value, list) else value for key, value in json.loads(text).items()
                      if key.lower() not in NEW}
        found[(source, side, kind, listing, name)] = properties
    facts.close()
    return found


def test_what_is_taken_away_comes_back(place):  # noqa: F811
    place.attest()
    before = objects(place.case)
    done = place.run("cleanup", "--yes=irreversible", "--until", "mrs-proxy")
    assert done.returncode == 0, done.stdout + done.stderr
    actions = [record["action"] for record in place.journal() if record["record"] == "begun"]
    assert len(actions) == len(set(actions)) >= 24
    place.run("audit")
    gone = objects(place.case)
    assert {key[:3] for key in before} - {key[:3] for key in gone} >= {("exchange-server", "on-premises", "HybridConfiguration")}
    for action in reversed(actions):
        undone = place.run("undo", action, "--yes")
        assert undone.returncode == 0, (action, undone.stdout + undone.stderr)
    place.run("audit")
    after = objects(place.case)
    differences = [(key, name, before[key].get(name), after.get(key, {}).get(name)) for key in before for name in before[key]
                   if before[key].get(name) != after.get(key, {}).get(name) and key[1:3] + (name,) not in CANNOT]
    assert differences == [] and set(before) == set(after)


CENTRALIZED = {"cloud": {
    "exchange_online/OutboundConnector/Outbound to 5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003/RouteAllMessagesViaOnPremises": True,
    "exchange_online/OutboundConnector/Outbound to 5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003/RecipientDomains": ["*"]}}


def test_flags_are_put_right_first(place):  # noqa: F811
    with Organisation(place.lab).changed(CENTRALIZED):
        place.attest()
        audit = place.run("audit")
        assert audit.returncode == 1 and "routing.centralized" in audit.stdout
        done = place.run("cleanup", "--yes", "--until", "centralized-mail")
        assert done.returncode == 0, done.stdout + done.stderr
        place.run("audit")
        flags = {key[4]: (one["RouteAllMessagesViaOnPremises"], one["RecipientDomains"]) for key, one in objects(place.case).items()
                 if key[2] == "OutboundConnector"}
        assert flags["Outbound to 5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"] == (False, ["fabrikam.com", "fabrikam.net"])
        assert place.run("audit").returncode == 0


CONNECTOR = "Outbound to 5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"


def test_what_is_narrowed_is_switched_off_and_comes_back(place):  # noqa: F811
    """The next step finds the connector as the plan foretold it, and both are undone: every domain (*) is the wizard's own form."""
    def connector():
        place.run("audit")
        one = next(one for key, one in objects(place.case).items() if key[2] == "OutboundConnector" and key[4] == CONNECTOR)
        return one["Enabled"], one["RouteAllMessagesViaOnPremises"], one["RecipientDomains"]
    with Organisation(place.lab).changed(CENTRALIZED):
        place.attest()
        done = place.run("cleanup", "--yes", "--until", "soft-disable")
        assert done.returncode == 0, done.stdout + done.stderr
        assert connector() == (False, False, ["fabrikam.com", "fabrikam.net"])
        actions = [record["action"] for record in place.journal() if record["record"] == "begun"]
        assert [action.split("/")[0] for action in actions].count("centralized-mail") == 1
        for action in reversed(actions):
            undone = place.run("undo", action, "--yes")
            assert undone.returncode == 0, (action, undone.stdout + undone.stderr)
        assert connector() == (True, True, ["*"])


# Beside it something that no step puts right.
MORE = {"cloud": {**CENTRALIZED["cloud"],
                  "exchange_online/AcceptedDomain/labs.example/DomainType": "InternalRelay"}}


def test_what_no_step_puts_right_keeps_the_gate_closed(place):  # noqa: F811
    with Organisation(place.lab).changed(MORE):
        place.attest()
        kept = place.run("cleanup", "--dry-run", "--until", "centralized-mail")
        assert kept.returncode == 1 and "routing.accepted-domain" in kept.stderr, kept.stdout + kept.stderr


def test_an_organisation_that_is_not_customised(place):  # noqa: F811
    """Exchange Online refuses every change until a person has run Enable-OrganizationCustomization; then it goes on."""
    def dehydrated(yes):
        snapshot.cloud(place.lab, "state", {"edit": {"OrganizationConfig": {"fabrikam.onmicrosoft.com": {"IsDehydrated": yes}}}})
    place.attest()
    dehydrated(True)
    stopped = place.run("cleanup", "--yes", "--until", "soft-disable")
    assert stopped.returncode not in (0, 70) and "Enable-OrganizationCustomization" in stopped.stderr, stopped.stdout + stopped.stderr
    assert not [row for row in written.of(place.lab) if row["side"] == "cloud"]
    dehydrated(False)
    done = place.run("resume", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert written.deleted_twice(written.of(place.lab)) == []


def test_a_reference_that_is_somebody_elses_by_now(place):  # noqa: F811
    """Set to another connector meanwhile it is left so, and that is told; empty again, the same undo goes on where it was."""
    def name_inbound(name):
        snapshot.cloud(place.lab, "state", {"edit": {"OnPremisesOrganization": {"7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002": {"InboundConnector": name}}}})

    def sent():
        return [row for row in written.of(place.lab) if row["by"] in ("Set-OnPremisesOrganization", "New-InboundConnector")]
    place.attest()
    assert place.run("cleanup", "--yes=irreversible", "--until", "cloud-connector").returncode == 0
    action = next(record["action"] for record in place.journal() if "cloud-connector/remove/cloud/InboundConnector/" in (record["action"] or ""))
    name_inbound("Inbound from somebody")
    stopped = place.run("undo", action, "--yes")
    assert stopped.returncode == 3 and "InboundConnector" in stopped.stderr, stopped.stderr
    assert [row["by"] for row in sent()] == ["New-InboundConnector"]
    name_inbound(None)
    done = place.run("undo", action, "--yes")
    assert done.returncode == 0, done.stderr
    assert [row["by"] for row in sent()] == ["New-InboundConnector", "Set-OnPremisesOrganization"]
