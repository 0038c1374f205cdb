# SPDX-License-Identifier: Apache-2.0
"""`unhybrid sweep` to its end, after the lab's Setup has taken the server: what goes, exactly, and what of a second forest, of partners
and of recipients stays. The server went before any cleanup: everything of the deployment is still there, on both sides.
"""
import json

import pytest
import yaml

from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
from test_cleanup import Place

# What no source can see then, and its people would state.
STATED = [("cleanup.backup", ""), ("cleanup.observation-window", ""), ("sanity.attribute", "homeMDB")]


class Swept(Place):
    def __init__(self, lab, unhybrid, case):
        super().__init__(lab, unhybrid, case)
        with open(self.configuration, encoding="utf-8") as text:
            settings = yaml.safe_load(text)
        del settings["exchange"], settings["operator"]["exchange"]          # as a person does once the server is gone
        self.configuration = lab.path("after.yaml")
        with open(self.configuration, "w", encoding="utf-8") as text:
            yaml.safe_dump(settings, text)

    def attest(self):
        super().attest()
        for fact, object_ in STATED:
            done = self.run("attest", "add", fact, "yes", *(["--object", object_] if object_ else []), "--approver", "Test", "--days", "2")
            assert done.returncode == 0 or "already" in done.stderr, (fact, done.stderr)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("sweep-end") / "fabrikam"))
    lab.up(exchange="basic")
    yield lab
    lab.down()


def directory(lab):
    """Every object of the forest, with what it holds that does not change by itself."""
    link = uninstall.connect(lab)
    try:
        return {dn: {name: sorted(values) for name, values in held.items() if name not in ("modifytimestamp", "entrycsn", "usnchanged", "whenchanged")}
                for dn, (_, held) in uninstall.Forest(link, False).objects.items()}
    finally:
        link.unbind_s()


def others(plan):
    """What is not this organisation's, as the plan has it."""
    return {(o["side"], o["kind"], o["guid"], o["owner"]) for s in plan["steps"] if s["state"] != "skipped" for o in s["objects"]
            if o["side"] == "cloud" and o["owner"] in ("other-forest", "partner", "cross-tenant")}


def test_what_the_server_left_is_swept(running, unhybrid, tmp_path):
    uninstall.play(running, "server-only", ("scp",), force=True)
    place = Swept(running, unhybrid, tmp_path / "fabrikam.case")
    place.attest()
    before = directory(running)
    plan = json.loads(place.run("sweep", "--dry-run", "--format", "json").stdout)
    assert {s["id"] for s in plan["steps"] if s["state"] == "skipped"} >= {"organization-container", "security-group"}, plan["steps"]
    deleted = {uninstall.normal(a["directory"]["dn"]) for a in plan["actions"] if a["executor"] == "directory" and not a.get("approval")}
    assert any("cn=hybrid configuration" in dn for dn in deleted) and len(deleted) > 5, deleted
    done = place.run("sweep", "--yes=irreversible")
    assert done.returncode == 3 and "a person has to do hybrid-agent" in done.stderr, done.stderr   # the agent is a person's to remove
    now = directory(running)
    assert set(before) - set(now) == deleted and set(now) <= set(before)
    assert {dn: held for dn, held in before.items() if dn not in deleted} == now, "what stays is as it was"
    # Nothing is planned twice, even by somebody who knows nothing of what was done, and what is others' is all there.
    fresh = Swept(running, unhybrid, tmp_path / "fresh.case")
    after = json.loads(fresh.run("sweep", "--dry-run", "--format", "json").stdout)
    assert others(after) >= others(plan) and {owner for *_, owner in others(plan)} == {"other-forest", "partner", "cross-tenant"}
    # Names of a principal do not wait for somebody's approval of one of its credentials.
    assert not [a["id"] for a in after["actions"] if not a.get("approval")], [a["id"] for a in after["actions"]]


def test_what_is_told_differently_goes_with_consent_alone(running, unhybrid, tmp_path):
    """Named, and not approved: it stays."""
    place = Swept(running, unhybrid, tmp_path / "fabrikam.case")
    place.attest()
    before = directory(running)
    plan = json.loads(place.run("sweep", "--dry-run", "--format", "json", "--only", "organization-container").stdout)
    asked = [a for a in plan["actions"] if a["step"] == "organization-container"]
    assert len(asked) == 1 and asked[0]["approval"] and len(asked[0]["directory"]["below"]) > 30, plan["steps"]
    place.run("sweep", "--yes=irreversible", "--only", "organization-container")
    assert directory(running) == before
