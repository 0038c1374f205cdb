# SPDX-License-Identifier: Apache-2.0
"""The audit against a real Active Directory: a Samba domain controller with Kerberos, in a namespace of its own.

Contoso's findings are the same as against slapd; what the two servers really differ in is listed here, nowhere else.
"""
import glob
import json
import os
import subprocess

import pytest
import yaml

from conftest import AUDIT_SECONDS
from fixtures.lab import certificates
from fixtures.lab.lab import Lab



def can_have_namespaces():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], check=False,
                                                stderr=subprocess.DEVNULL).returncode == 0


pytestmark = pytest.mark.skipif(not can_have_namespaces(), reason="a network namespace needs root, and a kernel that lets it")


class Inside:
    """The program, run where the lab is."""

    def __init__(self, lab, unhybrid):
        self.lab, self.unhybrid = lab, unhybrid

    def configuration(self, **directory):
        """The lab's configuration with another directory section; beside it, so that relative paths hold."""
        content = self.lab.configuration()
        content["directory"] = {**content["directory"], **directory}
        content["directory"] = {key: value for key, value in content["directory"].items() if value is not None}
        path = self.lab.path("-".join(["changed", *map(str, directory)]) + ".yaml")
        certificates.write_private(path, yaml.safe_dump(content))
        return path

    def audit(self, configuration, who="audit"):
        self.unhybrid.runs += 1
        case = os.path.join(self.unhybrid.scratch, f"samba-{self.unhybrid.runs}.case")
        command = [self.unhybrid.path, "-c", configuration, "-C", case, "--no-progress", "audit", "--format", "json"]
        done = subprocess.run(self.lab.inside(command, who), timeout=AUDIT_SECONDS, check=False, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace")
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            pytest.fail(f"exit {done.returncode} and no report: {done.stdout[:500]} {done.stderr[:2000]}")


@pytest.fixture(scope="module")
def inside(tmp_path_factory, unhybrid):
    lab = Lab("contoso", str(tmp_path_factory.mktemp("samba") / "contoso"), ad="samba")
    lab.up()
    yield Inside(lab, unhybrid)
    lab.down()


def facts_of(case):
    return glob.glob(os.path.join(case, "facts-*.db"))[0]


@pytest.fixture(scope="module")
def from_slapd(labs, unhybrid):
    status, report, _ = unhybrid.audit(labs("contoso").write_configuration())
    assert status == 1
    report["facts"] = facts_of(os.path.join(unhybrid.scratch, f"{unhybrid.runs}.case"))
    return report


def state_of(report, source):
    return next((row["state"], row["detail"]) for row in report["sources"] if row["id"] == source)


def evidence_of(finding):
    """Evidence without what the two servers really differ in."""
    if finding["side"] == "cloud":
        return ""                                      # its times are counted from each lab's start
    evidence = dict(finding["evidence"])
    if "AnyRecipientFor" in evidence:                  # administrators hold every right by inheritance in AD; slapd inherits nothing
        evidence["AnyRecipientFor"] = [sid for sid in evidence["AnyRecipientFor"] if not sid.endswith(("-512", "-519"))]
    return json.dumps(evidence, sort_keys=True).lower()   # slapd shows attribute types of a DN in lower case


def findings(report):
    return {finding["key"]: (finding["object"], evidence_of(finding)) for check in report["checks"] for finding in check["findings"]}


def statuses(report):
    return {check["id"]: check["status"] for check in report["checks"]}


def same_as(report, other):
    assert findings(report) == findings(other)
    assert statuses(report) == statuses(other)


def test_sealed_with_kerberos(inside, from_slapd):
    """GSSAPI on port 389 with sealing: as the configuration of the lab has it."""
    status, report = inside.audit(inside.lab.write_configuration())
    assert state_of(report, "directory") == ("complete", "")
    assert status == 1
    same_as(report, from_slapd)


def told_apart(old, new):
    """The values differ beyond what the two servers really differ in."""
    def plain(value):
        kept = [sid for sid in value if not sid.endswith(("-512", "-519"))] if isinstance(value, list) and "S-1-5" in str(value) else value
        return json.dumps(kept, sort_keys=True).lower()
    return plain(old) != plain(new)


def test_diff_to_slapd(inside, unhybrid, from_slapd):
    """`unhybrid diff` between the two audits: no check, no set but the access control lists that slapd has none of, no finding of its
    own, and of the objects only when they were made, how a DN is spelled, what administrators inherit, and the GUID of the domain
    that Samba made itself."""
    inside.audit(inside.lab.write_configuration())
    facts = facts_of(os.path.join(unhybrid.scratch, f"samba-{unhybrid.runs}.case"))
    done = unhybrid.run("diff", from_slapd["facts"], facts, "--format", "json")
    assert done.returncode == 1, done.stderr
    difference = json.loads(done.stdout)
    assert difference["checks"] == []
    assert {(one["set"], one["old"], one["new"]) for one in difference["sets"]} == {("MonitoringPermission", "not-configured", "complete")}
    assert [f["key"] for f in difference["findings"] if f["change"] != "changed"] == []
    objects = [o for o in difference["objects"] if o["side"] == "on-premises"]
    assert len(objects) > 100
    assert {(o["kind"], o["object"]) for o in objects if o["change"] != "changed"} <= {("Domain", "contoso.com")}
    assert [(o["kind"], o["object"], name, value) for o in objects for name, value in o["properties"].items()
            if name != "WhenCreated" and told_apart(value["old"], value["new"])] == []


@pytest.mark.parametrize("url, bind", [("ldap://dc01.contoso.com", "simple"), ("ldaps://dc01.contoso.com", "simple"), ("ldaps://dc01.contoso.com", "gssapi")])
def test_tls(inside, from_slapd, url, bind):
    """StartTLS and LDAPS, by password and by ticket: AD takes a ticket on TLS without a SASL layer only."""
    simple = {"user": inside.lab.state["directory"]["users"]["audit"], "password_file": "ad-audit.pass"} if bind == "simple" else {}
    status, report = inside.audit(inside.configuration(url=url, bind=bind, security=None, ca_file="ca.pem", **simple))
    assert state_of(report, "directory") == ("complete", "")
    assert status == 1
    same_as(report, from_slapd)


def test_account_without_rights(inside, from_slapd):
    """An account of the domain that is in none of Exchange's groups sees the domains and no organisation. What it saw is
    still reported; nothing becomes better; and the right that is missing is named."""
    status, report = inside.audit(inside.lab.write_configuration(), who="weak")
    assert status == 1 and report["verdict"] == "blocked"
    before, after = statuses(from_slapd), statuses(report)
    assert [id_ for id_ in before if after[id_] in ("pass", "not-applicable") and before[id_] not in ("pass", "not-applicable")] == []
    why = " ".join(row["why"] for check in report["checks"] for row in check["unknown"])
    assert "View-Only Organization Management" in why or "rights" in why


# Checks that read an attribute outside the partial attribute set; a global catalogue cannot satisfy them.
OUTSIDE = {"archive.on-premises", "mailbox.hidden-reference", "mailbox.hold", "migration.move-request"}


def test_global_catalogue_alone(inside, from_slapd):
    """A global catalogue holds every object and not every attribute: what it lacks is unknown, never "there is none"."""
    _, report = inside.audit(inside.configuration(url="ldap://dc01.contoso.com:3268"))
    unknown = {check["id"]: check for check in report["checks"] if check["unknown"]}
    assert OUTSIDE <= set(unknown)
    for id_ in OUTSIDE:
        assert any("catalogue" in row["why"] or "not obtained" in row["why"] for row in unknown[id_]["unknown"]), unknown[id_]["unknown"]
    before, after = statuses(from_slapd), statuses(report)
    assert [id_ for id_ in before if after[id_] in ("pass", "not-applicable") and before[id_] not in ("pass", "not-applicable")] == []
    # Whatever reads recipients and found nothing wrong says that it did not see all.
    assert [check["id"] for check in report["checks"] if check["status"] == "pass" and check["id"].startswith(("mailbox.", "archive."))] == []


def test_expired_ticket(inside):
    """Without a ticket: refused, with what to do."""
    empty = os.path.join(inside.lab.directory, "nobody.ccache")
    command = ["/usr/bin/env", f"KRB5CCNAME=FILE:{empty}", inside.unhybrid.path, "-c", inside.configuration(), "-C", inside.lab.path("nobody.case"),
               "--no-progress", "audit", "--format", "json"]
    done = subprocess.run(inside.lab.inside(command), timeout=AUDIT_SECONDS, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    state, detail = state_of(json.loads(done.stdout), "directory")
    assert state == "failed"
    assert "kinit" in detail
