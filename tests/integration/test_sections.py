# SPDX-License-Identifier: Apache-2.0
"""Whatever part of the configuration is there: what is claimed is true, and what was not looked at is unknown.

Every subset of the sections that observe: directory, dns, cloud (credentials), exports. The exports are made from what
an audit with all of them saw, so that one truth holds for all.
"""
import contextlib
import itertools
import json
import os
import sqlite3

import pytest
import yaml

from fixtures.lab import certificates
from test_org_truth import decoys_hit, found_in, missing, surplus, truth_of, unknown_in

SECTIONS = {"directory": ["directory"], "dns": ["dns"], "cloud": ["credentials", "endpoints"], "exports": ["exchange", "exchange_online"]}
SUBSETS = [names for n in range(len(SECTIONS) + 1) for names in itertools.combinations(SECTIONS, n)]
STATUS = {(): 78, ("dns",): 69}   # without a list of domains there is no question to ask
FIELDS = {"name": "DisplayName", "alias": "Alias", "identity": "Identity", "external_id": "ExternalDirectoryObjectId",
          "primary_address": "PrimarySmtpAddress", "user_principal_name": "UserPrincipalName", "archive_status": "ArchiveStatus",
          "recipient_type_details": "RecipientTypeDetails", "external_address": "ExternalEmailAddress", "when_created": "WhenCreated",
          "immutable_id": "ImmutableId", "windows_address": "WindowsEmailAddress"}
BOOLEANS = {"is_dir_synced": "IsDirSynced", "is_cloud_managed": "IsExchangeCloudManaged", "litigation_hold": "LitigationHoldEnabled"}
LISTS = {"addresses": "EmailAddresses", "in_place_holds": "InPlaceHolds"}
GUIDS = {"guid": "Guid", "exchange_guid": "ExchangeGuid", "archive_guid": "ArchiveGuid"}
SYSTEM = {1 << 23: ("Arbitration", "ArbitrationMailbox"), 1 << 39: ("Monitoring", "MonitoringMailbox"), 1 << 42: ("AuditLog", "AuditLogMailbox"),
          1 << 46: ("AuxAuditLog", "AuxAuditLogMailbox")}
EMPTY = ("Mailbox.Unlimited", "Mailbox.PublicFolder", "Mailbox.Archive.Unlimited", "SiteMailbox", "MailPublicFolder", "DynamicDistributionGroup", "RemoteMailbox",
         "MoveRequest", "PublicFolderDatabase", "ForeignConnector")


def guid_text(blob):
    return "" if not blob else "-".join([blob[3::-1].hex(), blob[5:3:-1].hex(), blob[7:5:-1].hex(), blob[8:10].hex(), blob[10:].hex()])


def recipient(row):
    out = {name: row[column] for column, name in FIELDS.items() if row[column] is not None}
    out.update({name: bool(row[column]) for column, name in BOOLEANS.items() if row[column] is not None})
    out.update({name: json.loads(row[column]) for column, name in LISTS.items() if row[column] is not None})
    out.update({name: guid_text(row[column]) for column, name in GUIDS.items() if row[column] is not None})
    if row["custom_attributes"] is not None:
        values = json.loads(row["custom_attributes"])
        out.update({f"CustomAttribute{n + 1}": value for n, value in enumerate(values + [""] * (15 - len(values)))})
    return out


def write_exports(facts, folder):
    """Files as the cmdlets of both sides would give them, from the facts of an audit that saw everything."""
    files = {("onprem", name): [] for name in EMPTY}
    with contextlib.closing(sqlite3.connect(f"file:{facts}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        for side, name in db.execute("SELECT side, name FROM t_set WHERE side <> 'dns' AND name NOT IN ('Mailbox', 'Recipient')"):
            files.setdefault(("cloud" if side == "cloud" else "onprem", name.replace("/", ".")), [])
        for row in db.execute("SELECT * FROM t_object WHERE kind NOT LIKE 'Graph%'"):
            side = "cloud" if row["side"] == "cloud" else "onprem"
            kind = "ClientAccessService" if row["kind"] == "AutodiscoverServiceConnectionPoint" else row["kind"]
            values = {"Name": row["name"], "Identity": row["identity"], **json.loads(row["json"])}
            if kind == "ClientAccessService":
                values = {"Name": row["name"], "AutoDiscoverServiceInternalUri": (values.get("serviceBindingInformation") or [None])[0]}
            if row["guid"]:
                values["Guid"] = row["guid"]
            files.setdefault((side, kind), []).append(values)
        for row in db.execute("SELECT * FROM exchange_recipient WHERE side = 'cloud'"):
            name = row["kind"] + ("." + row["listing"] if row["listing"] else ".Unlimited")
            files.setdefault(("cloud", name), []).append(recipient(row))
        for row in db.execute("SELECT * FROM directory_recipient"):
            for bit, (listing, kind) in SYSTEM.items():
                files.setdefault(("onprem", "Mailbox." + listing), [])
                if (row["recipient_type_details"] or 0) & bit:
                    files["onprem", "Mailbox." + listing].append({"Guid": guid_text(row["guid"]), "Identity": row["dn"], "DisplayName": row["name"],
                                                                  "PrimarySmtpAddress": row["mail"], "RecipientTypeDetails": kind})
    files.setdefault(("cloud", "Mailbox.Unlimited"), [])
    for (side, name), values in files.items():
        os.makedirs(os.path.join(folder, side), exist_ok=True)
        with open(os.path.join(folder, side, f"Get-{name}.json"), "w", encoding="utf-8") as out:
            json.dump(values, out)


@pytest.fixture(scope="session")
def scenes(labs, unhybrid):
    """scenes(name): the lab's configuration with all four sections, and the folder it belongs into."""
    made = {}

    def get(name):
        if name not in made:
            lab = labs(name)
            whole = lab.path("whole.case")
            unhybrid.run("-c", lab.write_configuration(), "-C", whole, "--no-progress", "audit", "--format", "json")
            facts = next(entry.path for entry in os.scandir(whole) if entry.name.startswith("facts-") and entry.name.endswith(".db"))
            write_exports(facts, lab.path("exports"))
            made[name] = {**lab.configuration(), "exchange": {"export": "exports/onprem/"}, "exchange_online": {"export": "exports/cloud/"}}
        return labs(name), dict(made[name])
    return get


def audit_with(scene, unhybrid, sections):
    lab, configuration = scene
    for section in set(SECTIONS) - set(sections):
        for key in SECTIONS[section]:
            configuration.pop(key)
    configuration.pop("operator", None)     # for a cleanup, and it completes what the other sections say
    path = lab.path("sections.yaml")
    certificates.write_private(path, yaml.safe_dump(configuration))
    return unhybrid.audit(path)


def check_subset(name, sections, scenes, unhybrid):
    truth = truth_of(name)
    status, report, said = audit_with(scenes(name), unhybrid, sections)
    assert surplus(truth, report) == [], said
    assert decoys_hit(truth, report) == [], said
    assert {entry["check"] for entry in truth["unknown"]} <= unknown_in(report)
    seen = {"directory": "on-premises", "dns": "dns", "cloud": "cloud"}
    sides = {seen[section] for section in sections if section in seen}
    own = [f for f in truth["findings"] if f["side"] in sides and set(f.get("needs", ())) <= sides]
    if sections != ("dns",):  # which needs to be told the accepted domains
        assert list(missing(own, report)) == [], said
    return status, report, said


@pytest.mark.parametrize("sections", SUBSETS, ids="+".join)
def test_healthy(sections, scenes, unhybrid):
    """Nothing is wrong with Fabrikam, so that nothing may be said to be, however little is looked at."""
    status, report, said = check_subset("fabrikam", sections, scenes, unhybrid)
    assert report["verdict"] == "undetermined"
    assert status == STATUS.get(sections, 2), said
    if not sections:
        assert found_in(report)[0] == set()
        blockers = [check for check in report["checks"] if check["severity"] == "blocker"]
        assert {check["status"] for check in blockers if not check["id"].startswith("freshness.observation")} == {"unknown"}


@pytest.mark.parametrize("sections", [s for s in SUBSETS if "exports" not in s], ids="+".join)
def test_full_of_faults(sections, scenes, unhybrid):
    """What is found in Contoso by a part of the sections is in the truth, and all of it that the part can see is found."""
    check_subset("contoso", sections, scenes, unhybrid)
