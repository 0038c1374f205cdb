# SPDX-License-Identifier: Apache-2.0
"""The organisations' files agree with each other, and the generator repeats itself."""
import base64
import os
import subprocess
import sys

import pytest
import yaml

from conftest import TOP
from fixtures.lab.cloudsim.generated import Generated
from fixtures.lab.cloudsim.store import Store
from fixtures.orgs import ldif
from fixtures.orgs.forest import Forest
from fixtures.orgs.generate import Organization
from fixtures.orgs.recipients import guid

ORGS = os.path.join(TOP, "fixtures", "orgs")
NAMES = ("contoso", "fabrikam")


def load(name, what):
    with open(os.path.join(ORGS, name, what + ".yaml"), encoding="utf-8") as text:
        return yaml.safe_load(text)


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_mean_the_same_objects(name):
    """An object's ids in the cloud are those that its namesake in AD has."""
    directory, cloud = load(name, "directory"), load(name, "cloud")
    by_address = {spec["address"].lower(): spec for spec in directory["recipients"] if "address" in spec and "id" in spec}
    gone = {f["object"] for f in load(name, "truth")["findings"] if f["check"] == "writeback.object"}
    linked = 0
    for noun, records in cloud["exchange_online"].items():
        for record in records if noun.split("/")[0] in ("Mailbox", "MailUser", "DistributionGroup", "MailContact") else []:
            spec = by_address.get(str(record.get("PrimarySmtpAddress")).lower())
            if spec is None:
                assert not record["IsDirSynced"] or noun.startswith("Mailbox/") or record["PrimarySmtpAddress"] in gone, record
                continue
            linked += 1
            assert record["ExternalDirectoryObjectId"] == guid(directory["tag"], "entra", spec["id"]), record
            if "ExchangeGuid" in record:
                assert record["ExchangeGuid"] == guid(directory["tag"], "mailbox", spec["id"]), record
    assert linked > 5
    for user in cloud["graph"]["users"]:
        if user.get("onPremisesImmutableId"):
            spec = by_address[user["userPrincipalName"]]
            assert base64.b64decode(user["onPremisesImmutableId"]) == ldif.guid_bytes(guid(directory["tag"], "object", spec["id"]))


@pytest.mark.parametrize("name", NAMES)
def test_truth_names_things_that_exist(name):
    """Findings and decoys of recipients name addresses that stand in the data."""
    text = "".join(open(os.path.join(ORGS, name, what + ".yaml"), encoding="utf-8").read().lower() for what in ("directory", "cloud", "dns"))
    system = {spec.get("address", "").lower() for spec in Forest.load(os.path.join(ORGS, name)).system_recipients()}
    truth = load(name, "truth")
    factory = ("default frontend", "client frontend", "client proxy", "ews (default web site)", "hybrid configuration",
               "outbound to office 365", "on-premises to o365", "microsoft exchange online", "cloud-managed mailboxes")
    for entry in truth["findings"] + truth["decoys"]:
        wanted = entry["object"].lower()
        assert wanted in text or wanted in system or wanted.startswith(factory), entry
    assert len({(f["check"], f["side"], f["object"], f.get("key")) for f in truth["findings"]}) == len(truth["findings"])


@pytest.mark.parametrize("name", (*NAMES, "tailspin"))
def test_entries_follow_their_parents(name):
    """slapadd takes entries in this order: no entry before its parent, none twice."""
    forest, seen = Forest.load(os.path.join(ORGS, name)), set()
    tops = {context.lower() for context in forest.contexts}
    for _, dn, _ in forest.entries():
        low = dn.lower()
        assert low not in seen, dn
        assert low in tops or low.replace("\\,", "").split(",", 1)[1] in {s.replace("\\,", "") for s in seen}, dn
        seen.add(low)


def test_generator_repeats_itself_and_both_sides_agree():
    """Same seed, same bytes; another seed, others; the cloud serves exactly the recipients that stand in AD."""
    size = 2300
    one, same, other = ("".join(Organization(size, 3, seed).ldif("DC=contoso,DC=com")) for seed in (1, 1, 2))
    assert one == same and one != other
    organization = Organization(size, 3, 1)
    served = Generated(Store(organization.cloud()), organization.mailboxes, organization.others)
    records = [served.record(block, position) for block in served.blocks for position in range(block.count)]
    assert len(records) == size
    in_ad = {line.split(": ")[1] for line in one.splitlines() if line.startswith("mail: ") and "{" not in line}
    assert {record["PrimarySmtpAddress"] for record in records} == {a for a in in_ad if not a.startswith(("System", "Health", "Migration", "Federated"))}
    assert all(f"_{record['ExternalDirectoryObjectId']}\n" in one for record in records)


def test_schema_is_what_the_table_makes():
    subprocess.run([sys.executable, os.path.join(TOP, "fixtures", "lab", "schema", "generate.py"), "--check"], check=True)
