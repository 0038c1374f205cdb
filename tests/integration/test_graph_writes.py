# SPDX-License-Identifier: Apache-2.0
"""Changes of Exchange Online's service principal and of applications, against the simulated Graph: who has to stay stays
byte for byte, what cannot be sent back stops everything, nothing is done twice, and what is said of it is true."""
import base64
import datetime
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud_client import Client
from fixtures.lab.lab import Lab
from test_cloud import BUILD
from test_cloud_writes import APP, DENIED, INTERNAL, SECONDS, UNAVAILABLE, Done, Writing, judge, kinds

WRITE = os.path.join(BUILD, "tests", "integration", "drivers", "graph_write")
DATA = 65
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
PRINCIPAL, OWN, APPLICATION, FOREIGN = (f"5a000000-1b2c-4d3e-8f40-0c000000000{i}" for i in (1, 2, 3, 4))
KEYS = [f"7b000000-1b2c-4d3e-8f40-0c000000000{i}" for i in range(5)]
NAMES = [EXCHANGE, EXCHANGE + "/outlook.office365.com", "https://mail.contoso.com/", "https://autodiscover.contoso.com/", "https://outlook.office365.com/"]


def certificate(name):
    """-> (base64 of the certificate, thumbprint)"""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
            .not_valid_before(datetime.datetime(2024, 1, 1)).not_valid_after(datetime.datetime(2040, 1, 1)).sign(key, hashes.SHA256()))
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode(), made.fingerprint(hashes.SHA1()).hex().upper()


AUTH, OTHER, OLD = (certificate(name) for name in ("Auth", "Another forest", "Rotated"))


def graph():
    def key(number, made, ends, **more):
        return {"keyId": KEYS[number], "key": made[0], "customKeyIdentifier": made[1], "type": "AsymmetricX509Cert", "usage": "Verify",
                "displayName": "CN=x", "startDateTime": "2024-01-01T00:00:00Z", "endDateTime": ends, **more}
    return {
        "servicePrincipals": [
            {"id": PRINCIPAL, "appId": EXCHANGE, "displayName": "Office 365 Exchange Online",
             "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a", "servicePrincipalNames": NAMES,
             "keyCredentials": [key(0, AUTH, "2040-01-01T00:00:00Z", customKeyIdentifier=None), key(1, OTHER, "2040-01-01T00:00:00Z"),
                                key(2, OLD, "2020-01-01T00:00:00Z")],
             "passwordCredentials": [{"keyId": KEYS[3], "endDateTime": "2020-01-01T00:00:00Z"}, {"keyId": KEYS[4], "endDateTime": "2040-01-01T00:00:00Z"}]},
            {"id": OWN, "appId": "5b000000-1b2c-4d3e-8f40-0c0000000003", "displayName": "ExchangeServerApp-1"}],
        "applications": [{"id": APPLICATION, "appId": "5b000000-1b2c-4d3e-8f40-0c0000000003", "displayName": "ExchangeServerApp-1"},
                         {"id": FOREIGN, "appId": "5b000000-1b2c-4d3e-8f40-0c0000000004", "displayName": "Payroll"}]}


class Graph(Writing):
    def graph(self, *words, how=()):
        done = subprocess.run([WRITE, *how, self.operator(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=SECONDS, env=dict(os.environ, UNHYBRID_PAUSE_PERCENT="2"))
        assert not done.stderr, done.stderr
        return Done(done.returncode, [json.loads(line) for line in done.stdout.splitlines()])

    def shows(self, *words):
        return self.graph(*words, how=["--show"]).said[0]["shows"]

    def held(self, kind, identity):
        """The object as the service holds it, not as a read tells it; None: gone."""
        return next((row for row in self.cloud.simulator.graph.objects(kind) if row["id"] == identity), None)

    def keys(self):
        return [entry["keyId"] for entry in self.held("servicePrincipals", PRINCIPAL)["keyCredentials"]]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    tenant = Graph(tmp_path_factory.mktemp("graph-writes"), org={
        "tenant": {"id": "11111111-2222-4333-8444-0c0000000001", "initial_domain": "contoso.onmicrosoft.com"},
        "apps": [{"client_id": APP, "secret": "operator", "roles": ["Application.ReadWrite.All"]}], "graph": graph()})
    yield tenant
    tenant.cloud.stop()


@pytest.fixture
def tenant(running):
    running.control("POST", "reset", {})
    return running


OURS = ("remove-keys", "principal", PRINCIPAL, "ours=" + KEYS[0], "cert=" + AUTH[1])


# ---- keys

def test_one_key_goes_and_the_others_stay_as_they_were(tenant):
    before = tenant.held("servicePrincipals", PRINCIPAL)["keyCredentials"]
    done = tenant.graph(*OURS)
    assert (done.code, done.outcome) == (0, "applied") and done.results[0]["request_id"]
    assert tenant.held("servicePrincipals", PRINCIPAL)["keyCredentials"] == before[1:]
    assert tenant.shows(*OURS) == 1 and len(tenant.writes()) == 1
    done = tenant.graph(*OURS)
    assert done.outcome == "not-sent" and done.results[0]["not_found"] and len(tenant.writes()) == 1, "already gone"


def test_several_keys_in_one_change(tenant):
    done = tenant.graph(*OURS, "expired=" + KEYS[2], "named=" + KEYS[1])
    assert done.code == 0 and tenant.keys() == [] and len(tenant.writes()) == 1


@pytest.mark.parametrize("words", [
    ("ours=" + KEYS[1], "cert=" + AUTH[1]),            # another forest's
    ("ours=" + KEYS[0],),                              # without a certificate nothing is ours
    ("expired=" + KEYS[1],),                           # it has not ended
    ("ours=" + KEYS[0], "cert=" + AUTH[1], "ours=" + KEYS[1]),
])
def test_a_credential_without_a_reason_stops_the_change(tenant, words):
    done = tenant.graph("remove-keys", "principal", PRINCIPAL, *words)
    assert (done.code, done.outcome) == (DATA, "not-sent") and "credential " + KEYS[0 if len(words) == 1 and "ours" in words[0] else 1] in done.error["what"]
    assert tenant.writes() == [] and len(tenant.keys()) == 3


@pytest.mark.parametrize("change, why", [
    (lambda row: [entry.update(key=None) for entry in row["keyCredentials"][1:2]], "does not tell the key"),
    (lambda row: [entry.update(usage=None) for entry in row["keyCredentials"][1:2]], "does not tell the key"),
    (lambda row: [entry.update(keyId="?") for entry in row["keyCredentials"][1:2]], "cannot be told from others"),
    (lambda row: row.update(keyCredentials=None), "does not tell the list"),
])
def test_a_survivor_that_cannot_be_sent_back(tenant, change, why):
    change(tenant.held("servicePrincipals", PRINCIPAL))
    done = tenant.graph(*OURS)
    assert (done.code, done.outcome) == (DATA, "not-sent") and why in done.error["what"] and tenant.writes() == []


def test_the_directory_lags(tenant):
    """A second change that reads what was before the first would bring the first one's key to life again."""
    tenant.control("POST", "state", {"knobs": {"graph_lag": 60}})
    second = ("remove-keys", "principal", PRINCIPAL, "expired=" + KEYS[2])
    done = tenant.graph(*OURS, "+", *second)
    assert [one["outcome"] for one in done.results] == ["applied", "not-sent"] and "settled" in done.error["remedy"]
    assert tenant.keys() == KEYS[1:3] and len(tenant.writes()) == 1 and tenant.shows(*OURS) == 0
    tenant.control("POST", "state", {"knobs": {"graph_lag": 0}})
    assert tenant.shows(*OURS) == 1


def test_a_third_hand(tenant):
    """With an ETag, what somebody else changes between the look and the change is not overwritten."""
    tenant.control("POST", "state", {"knobs": {"graph_etags": True}})
    assert tenant.graph("remove-keys", "principal", PRINCIPAL, "expired=" + KEYS[2]).code == 0
    graph_, patch = tenant.cloud.simulator.graph, tenant.cloud.simulator.graph.patch

    def interfere(call, kind, row):
        after = dict(row, notes="somebody else's")
        graph_.change(kind, row, after)
        return patch(call, kind, after)
    graph_.patch = interfere
    try:
        done = tenant.graph(*OURS)
    finally:
        graph_.patch = patch
    assert done.outcome == "failed" and "somebody else" in done.error["what"] and tenant.keys() == KEYS[:2]


def test_microsofts_principal_is_refused(tenant):
    tenant.control("POST", "state", {"knobs": {"first_party_patch": "deny"}})
    done = tenant.graph(*OURS)
    assert (done.code, done.outcome) == (DENIED, "failed") and done.results[0]["refused"] and "by hand" in done.error["remedy"]


# ---- what became of it

@pytest.mark.parametrize("fault, args, outcome, carried_out", [
    ("reset", {}, "unknown", False), ("reset", {"after": True}, "unknown", True), ("unavailable", {"seconds": 1}, "unknown", False),
    ("status", {"status": 504}, "unknown", False), ("redirect", {}, "unknown", False), ("forbidden", {}, "failed", False),
    ("status", {"status": 409}, "failed", False), ("delay", {"seconds": 0.3}, "applied", True)])
@pytest.mark.parametrize("words", [OURS, ("delete", "application", APPLICATION)], ids=["keys", "delete"])
def test_faults(tenant, fault, args, outcome, carried_out, words):
    tenant.faults([{"match": {"service": "graph", "writes": True}, "fault": fault, "args": args}])
    done = tenant.graph(*words)
    assert len(tenant.writes()) == 1 and len(tenant.executed()) == carried_out
    assert done.outcome == outcome, done.said
    assert done.code == (0 if outcome == "applied" else DENIED if fault == "forbidden" else UNAVAILABLE)
    assert tenant.shows(*words) == carried_out
    if outcome == "unknown":
        assert done.error["remedy"].startswith("look at the object")


def test_every_kind_of_fault(tenant):
    for fault in kinds(tenant, "graph"):
        tenant.control("POST", "reset", {})
        tenant.faults([dict(fault, match={"service": "graph", "writes": True})])
        done = tenant.graph(*OURS)
        assert any(entry["fault"] == fault["fault"] for entry in tenant.writes()), fault
        judge(fault, done, len(tenant.executed()))
        assert set(tenant.keys()) == set(KEYS[len(tenant.executed()):3]), fault


@pytest.mark.parametrize("fault, args", [("throttle", {"seconds": 0.4}), ("throttle", {"seconds": 1}), ("unauthorized", {})])
def test_turned_away_and_sent_again(tenant, fault, args):
    tenant.faults([{"match": {"service": "graph", "writes": True}, "fault": fault, "args": args, "times": 1}])
    done = tenant.graph(*OURS)
    assert done.code == 0 and [entry["executed"] for entry in tenant.writes()] == [False, True]
    assert tenant.control("GET", "counters")["retry_after_violations"] == 0


@pytest.mark.parametrize("fault", ["reset", "unavailable", "throttle", "unauthorized"])
def test_a_look_that_fails_is_repeated(tenant, fault):
    tenant.faults([{"match": {"service": "graph", "writes": False}, "fault": fault, "args": {"seconds": 0.2}, "times": 1}])
    assert tenant.graph(*OURS).code == 0 and len(tenant.writes()) == 1


def test_without_a_look_nothing_is_sent(tenant):
    tenant.faults([{"match": {"service": "graph", "writes": False}, "fault": "forbidden"}])
    done = tenant.graph(*OURS)
    assert (done.code, done.outcome) == (DENIED, "not-sent") and tenant.writes() == [] and tenant.shows(*OURS) == -1


# ---- the rest

def test_a_password(tenant):
    done = tenant.graph("remove-password", "principal", PRINCIPAL, "expired=" + KEYS[4])
    assert done.outcome == "not-sent" and "has not ended" in done.error["what"]
    assert tenant.graph("remove-password", "principal", PRINCIPAL, "expired=" + KEYS[3]).code == 0
    assert tenant.graph("remove-password", "principal", PRINCIPAL, "named=" + KEYS[4], "+", "remove-password", "principal", PRINCIPAL,
                        "named=" + KEYS[4]).results[1]["not_found"]
    assert tenant.held("servicePrincipals", PRINCIPAL)["passwordCredentials"] == [] and len(tenant.keys()) == 3


def test_host_names(tenant):
    words = ("remove-names", "principal", PRINCIPAL, "name=https://Mail.contoso.com/", "name=https://autodiscover.contoso.com/")
    assert tenant.graph(*words).code == 0 and tenant.shows(*words) == 1
    assert tenant.held("servicePrincipals", PRINCIPAL)["servicePrincipalNames"] == [NAMES[0], NAMES[1], NAMES[4]]
    tenant.held("servicePrincipals", PRINCIPAL)["servicePrincipalNames"] = ["https://mail.contoso.com/"]
    done = tenant.graph(*words)
    assert done.outcome == "not-sent" and "own id" in done.error["what"]


def test_an_application_into_the_bin_and_out(tenant):
    words = ("application", APPLICATION)
    assert tenant.shows("delete", *words) == 0
    assert tenant.graph("delete", *words).code == 0 and tenant.held("applications", APPLICATION) is None and tenant.shows("delete", *words) == 1
    assert tenant.graph("delete", *words).results[0]["not_found"]
    assert tenant.graph("restore", *words).code == 0 and tenant.held("applications", APPLICATION)["displayName"] == "ExchangeServerApp-1"
    assert tenant.shows("restore", *words) == 1 and tenant.graph("restore", *words).results[0]["not_found"]
    assert tenant.held("applications", FOREIGN) is not None and len(tenant.executed()) == 2


def test_microsofts_own_are_never_deleted(tenant):
    done = tenant.graph("delete", "principal", PRINCIPAL)
    assert (done.code, done.outcome) == (DATA, "not-sent") and tenant.writes() == []
    assert tenant.graph("delete", "principal", OWN).code == 0


@pytest.mark.parametrize("words", [
    ("remove-keys", "principal", PRINCIPAL), ("delete", "application", "not-a-guid"), ("delete", "application", APPLICATION, "named=" + KEYS[0]),
    ("remove-password", "principal", PRINCIPAL, "named=" + KEYS[3], "named=" + KEYS[4]), ("remove-password", "principal", PRINCIPAL, "ours=" + KEYS[3]),
    ("remove-names", "application", APPLICATION, "name=https://mail.contoso.com/"), ("remove-names", "principal", PRINCIPAL, "name=" + EXCHANGE),
    ("remove-names", "principal", PRINCIPAL, "name=https://mail.contoso.com/x")])
@pytest.mark.parametrize("how", [[], ["--dry"]])
def test_what_is_wrong_never_leaves(tenant, words, how):
    done = tenant.graph(*words, how=how)
    assert (done.code, done.outcome) == (INTERNAL, "not-sent") and tenant.log() == []


def test_a_dry_run_records_and_sends_nothing(tenant):
    done = tenant.graph(*OURS, "+", "remove-names", "principal", PRINCIPAL, "name=https://mail.contoso.com/", "+", "delete", "application", APPLICATION, how=["--dry"])
    assert done.code == 0 and [one["outcome"] for one in done.results] == ["recorded"] * 3 and tenant.log() == []
    assert [one for one in done.said if "graph" in one] == [
        {"graph": "remove-keys", "kind": "servicePrincipal", "id": PRINCIPAL, "name": PRINCIPAL, "keys": {KEYS[0]: "ours"}, "names": []},
        {"graph": "remove-names", "kind": "servicePrincipal", "id": PRINCIPAL, "name": PRINCIPAL, "keys": {}, "names": ["https://mail.contoso.com/"]},
        {"graph": "delete", "kind": "application", "id": APPLICATION, "name": APPLICATION, "keys": {}, "names": []}]


def test_fabrikams_operator(tmp_path):
    """The lab's configuration names the account that may write; the organisation's own certificate is what stands in the cloud."""
    lab = Lab("fabrikam", str(tmp_path / "fabrikam"))
    configuration = lab.up(("cloud",))
    try:
        client = Client(lab.state["cloud"]["info"])
        principal = client.graph("GET", f"/v1.0/servicePrincipals?$filter=appId eq '{EXCHANGE}'").json["value"][0]["id"]
        key, *_ = client.graph("GET", f"/v1.0/servicePrincipals/{principal}?$select=keyCredentials").json["keyCredentials"]
        thumbprint = x509.load_der_x509_certificate(base64.b64decode(key["key"])).fingerprint(hashes.SHA1()).hex()
        words = ("remove-keys", "principal", principal, "ours=" + key["keyId"], "cert=" + thumbprint)
        for how, said in (("--show", {"shows": 0}), (None, {"outcome": "applied"}), ("--show", {"shows": 1})):
            done = subprocess.run([WRITE, *([how] if how else []), configuration, *words], stdout=subprocess.PIPE, text=True, timeout=SECONDS)
            assert done.returncode == 0 and said.items() <= json.loads(done.stdout).items(), done.stdout
        writer, = {entry["client_id"] for entry in client.control("log?writes=1")}
        assert writer == lab.state["cloud"]["info"]["apps"][1]["client_id"], "not the account that reads"
    finally:
        lab.down()
