# SPDX-License-Identifier: Apache-2.0
"""What the steps of the uninstall ask: which objects stand in Setup's way, what is not known, and what a person states for a day."""
import json
import os

import pytest
import yaml

from conftest import TOP
from test_checks import DB, MISSING, RECIPIENT, WAYS, a_set, ad, fill, judge, obj

CONNECTORS = [a_set(f"on-premises:{kind}") for kind in ("SendConnector", "ForeignConnector", "DeliveryAgentConnector")]
SERVERS = a_set("on-premises:ExchangeServer")
ARCHIVE = DB.replace("DB01", "DB02")


def objects(result):
    return sorted(finding["object"] for finding in result.line["findings"])


def test_every_reference_to_a_database_counts_but_monitoring_mailboxes(tmp_path):
    rows = [a_set(RECIPIENT), ad("arbitration@contoso.com", recipient_type_details=1 << 23, home_mdb=DB),
            ad("audit@contoso.com", recipient_type_details=1 << 42, home_mdb=DB), ad("aux@contoso.com", recipient_type_details=1 << 46, home_mdb=DB),
            ad("pf@contoso.com", recipient_type_details=1 << 36, home_mdb=DB), ad("search@contoso.com", recipient_type_details=536870912, home_mdb=DB),
            ad("hidden@contoso.com", recipient_type_details=2147483648, home_mdb="", archive_database=ARCHIVE),
            ad("health@contoso.com", recipient_type_details=1 << 39, home_mdb=DB), ad("remote@contoso.com", recipient_type_details=2147483648)]
    found = judge(tmp_path, "setup.mailbox", rows)
    assert found.status == "fail"
    assert objects(found) == [f"{name}@contoso.com" for name in ("arbitration", "audit", "aux", "hidden", "pf", "search")]
    assert judge(tmp_path, "setup.mailbox", rows[:1] + rows[-2:]).status == "pass"
    assert judge(tmp_path, "setup.mailbox", [a_set(RECIPIENT, "partial"), rows[-1]]).status == "unknown"


@pytest.mark.parametrize("way", WAYS)
def test_a_database_that_was_not_told_is_no_pass(tmp_path, way):
    rows = fill([a_set(RECIPIENT), ad("x@contoso.com", recipient_type_details=1 << 23, home_mdb=MISSING)], way)
    assert judge(tmp_path, "setup.mailbox", rows).status == "unknown"


def test_connectors_with_a_source(tmp_path):
    rows = CONNECTORS + [obj("SendConnector", "To others", {"SourceTransportServers": ["EX01"]}), obj("ForeignConnector", "Fax", {"SourceTransportServers": ["EX01"]}),
                         obj("DeliveryAgentConnector", "Text", {"SourceTransportServers": ["EX01"]}), obj("SendConnector", "Orphan", {"SourceTransportServers": []})]
    found = judge(tmp_path, "setup.connector", rows)
    assert objects(found) == ["Fax", "Text", "To others"]
    assert judge(tmp_path, "setup.connector", CONNECTORS + rows[-1:]).status == "pass"
    assert judge(tmp_path, "setup.connector", CONNECTORS + [obj("SendConnector", "Untold", {})]).status == "unknown"
    assert judge(tmp_path, "setup.connector", CONNECTORS[1:]).status == "unknown"


@pytest.mark.parametrize("version, status", [
    ("Version 15.2 (Build 1544.4)", "pass"), ("Version 15.2 (Build 2562.17)", "pass"), ("Version 15.2 (Build 1258.16)", "pass"),
    ("Version 15.2 (Build 1258.12)", "unknown"), ("Version 15.2 (Build 1118.30)", "pass"), ("Version 15.2 (Build 1118.7)", "unknown"),
    ("Version 15.2 (Build 986.42)", "unknown"), ("Version 15.1 (Build 2507.27)", "pass"), ("Version 15.1 (Build 2507.6)", "unknown"),
    ("Version 15.0 (Build 1497.48)", "unknown"), ("", "unknown"), ("no version", "unknown"),
    ("Version 15.2 (Build 1544)", "unknown"), ("Version 15.2 (Build -1.4)", "unknown"), ("Version 99999999999999999999.2 (Build 1544.4)", "unknown")])
def test_the_defect_of_january_2023(tmp_path, version, status):
    """What an update hides is never a pass by itself; somebody who looked may say so."""
    rows = [SERVERS, obj("ExchangeServer", "EX01", {"AdminDisplayVersion": version})]
    assert judge(tmp_path, "setup.build", rows).status == status
    assert judge(tmp_path, "setup.build", rows, stated={"setup.build": "yes"}).status == "pass"
    assert judge(tmp_path, "setup.build", [obj("ExchangeServer", "EX01", {"AdminDisplayVersion": "Version 15.2 (Build 1544.4)"})]).status == "unknown"


def test_groups_that_a_server_expands_are_seen(tmp_path):
    """By the directory, where it was searched in full; whatever was stated, and whatever was not read, what is seen counts."""
    seen = [SERVERS, a_set("on-premises:ExpandedGroup")]
    group = obj("ExpandedGroup", "All staff", {"ExpansionServer": "/o=Contoso/ou=AG/cn=Configuration/cn=Servers/cn=EX01", "PrimarySmtpAddress": "staff@contoso.com"})
    found = judge(tmp_path, "setup.expansion", seen + [group])
    assert found.status == "fail" and objects(found) == ["staff@contoso.com"] and "the server EX01." in found.line["findings"][0]["message"]
    assert judge(tmp_path, "setup.expansion", seen + [group], stated={"setup.expansion": "yes"}).status == "fail"
    assert judge(tmp_path, "setup.expansion", [SERVERS, group], stated={"setup.expansion": "yes"}).status == "fail"
    assert judge(tmp_path, "setup.expansion", seen).status == "pass", "nobody has to state what is seen"
    partial = [SERVERS, a_set("on-premises:ExpandedGroup", "partial")]
    assert judge(tmp_path, "setup.expansion", partial).status == "unknown"
    assert judge(tmp_path, "setup.expansion", partial, stated={"setup.expansion": "yes"}).status == "pass"
    untold = obj("ExpandedGroup", "Untold", {"ExpansionServer": MISSING})
    for way in WAYS:
        assert judge(tmp_path, "setup.expansion", fill(seen + [untold], way)).status == "fail", "it names one, whichever it is"


CONTAINER = "CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects,DC=contoso,DC=com"
EXCHANGE_SERVERS = "CN=Exchange Servers,OU=Microsoft Exchange Security Groups,DC=contoso,DC=com"


def entry(place, denied, rights, below=True, container=CONTAINER, **more):
    return obj("MonitoringPermission", f"entry {place} on {container}", {
        "Object": container, "Trustee": "S-1-5-21-1-2-3-1118", "Name": EXCHANGE_SERVERS, "Place": place, "Denied": denied, "Inherited": denied, "Below": below,
        "Rights": rights, **more}, guid="")


def test_entries_that_deny_exchange_to_delete_are_seen(tmp_path):
    """Whatever was stated, and whatever was not read, a denial that is seen counts; without one nobody has to state anything."""
    check, stated = "setup.monitoring", {"setup.monitoring": "yes"}
    seen, denial = [SERVERS, a_set("on-premises:MonitoringPermission")], entry(7, True, ["Delete", "DeleteTree"])
    found = judge(tmp_path, check, seen + [denial])
    assert found.status == "fail" and objects(found) == [CONTAINER]
    assert found.line["findings"][0]["evidence"] == {"Trustee": "S-1-5-21-1-2-3-1118", "Name": EXCHANGE_SERVERS, "Denied": ["Delete", "DeleteTree"],
                                                     "Inherited": "yes", "Place in the list": 7}
    assert judge(tmp_path, check, seen + [denial], stated=stated).status == "fail"
    assert judge(tmp_path, check, [SERVERS, denial], stated=stated).status == "fail"
    assert judge(tmp_path, check, seen).status == "pass"
    for state in ("partial", "failed", "not-configured"):
        lists = [SERVERS, a_set("on-premises:MonitoringPermission", state)]
        assert judge(tmp_path, check, lists).status == "unknown"
        assert judge(tmp_path, check, lists, stated=stated).status == "pass"


@pytest.mark.parametrize("allowed, status", [
    (entry(3, False, ["DeleteTree"]), "pass"), (entry(3, False, ["GenericAll"]), "pass"),
    (entry(9, False, ["DeleteTree"]), "fail"), (entry(3, False, ["DeleteTree"], below=False), "fail"), (entry(3, False, ["Delete"]), "fail"),
    (entry(3, False, ["DeleteTree"], container=f"{CONTAINER},DC=emea"), "fail"), (entry(3, False, ["DeleteTree"], Trustee="S-1-5-21-1-2-3-1119"), "fail"),
    (entry(3, False, MISSING), "fail"), (entry(3, MISSING, ["DeleteTree"]), "fail")])
def test_subtrees_that_may_be_deleted_before_it_is_denied(tmp_path, allowed, status):
    """Microsoft's remedy: an entry that allows it, inherited by what is below, before the one that denies it."""
    rows = fill([SERVERS, a_set("on-premises:MonitoringPermission"), entry(7, True, ["DeleteTree"]), allowed], "refused")
    assert judge(tmp_path, "setup.monitoring", rows).status == status


@pytest.mark.parametrize("way", WAYS)
def test_whom_an_entry_denies_to_delete_is_not_told(tmp_path, way):
    for untold in (entry(7, True, ["Delete"], Name=MISSING), entry(7, MISSING, ["Delete"])):
        rows = fill([SERVERS, a_set("on-premises:MonitoringPermission"), untold], way)
        assert judge(tmp_path, "setup.monitoring", rows).status == "unknown"
        assert judge(tmp_path, "setup.monitoring", rows, stated={"setup.monitoring": "yes"}).status == "pass"


STATED = ("expansion", "queue", "rights", "interrupted", "processes", "reboot", "monitoring")


@pytest.mark.parametrize("name", STATED)
def test_what_only_the_server_shows_is_stated(tmp_path, name):
    rows = [SERVERS, obj("ExchangeServer", "EX01", {})]
    check = f"setup.{name}"
    assert judge(tmp_path, check, rows).status == "unknown"
    assert judge(tmp_path, check, rows, stated={check: "yes"}).status == "pass"


def test_fabrikams_people_are_asked_for_each(unhybrid):
    listed = json.loads(unhybrid.run("checks", "list", "--format", "json").stdout)["checks"]
    asked = {fact["fact"] for check in listed if check["purposes"] == ["uninstall"] for fact in check["attests"]}
    with open(os.path.join(TOP, "fixtures", "orgs", "fabrikam", "attestations.yaml"), encoding="utf-8") as text:
        stated = {row["fact"] for row in yaml.safe_load(text) if row.get("asked") == "uninstall"}
    assert asked - stated == {"setup.build"} and not stated - asked    # its build tells by itself
