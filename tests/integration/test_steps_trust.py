# SPDX-License-Identifier: Apache-2.0
"""Steps C-07 to C-11 on small facts: whose each object is, which change is asked for, and when nothing is.

Facts are written row by row and planned with facts_plan, one step at a time; no service and no source takes part. Names are
chosen to mislead: what the wizard would call its own is somebody else's, and the other way round.
"""
import base64
import itertools
import json
import os
import pathlib
import subprocess

import pytest

BUILD = os.environ.get("BUILD_DIR") or pathlib.Path(__file__).resolve().parents[2] / "build"
DRIVERS = pathlib.Path(BUILD) / "tests" / "integration" / "drivers"
pytestmark = pytest.mark.skipif(not (DRIVERS / "facts_plan").exists(), reason="build the drivers and name the build directory in BUILD_DIR")

NOW = 1_800_000_000                                          # 2027-01-15
ORG, LABS = "7a1c2e4f-5b6d-4c3a-9e8f-000000000001", "7a1c2e4f-5b6d-4c3a-9e8f-0000000000aa"
TENANT, TAILSPIN = "11111111-2222-4333-8444-000000000001", "33333333-2222-4333-8444-000000000033"
AGENT, APP = "c2e8a4d6-1b3f-4a5c-8d7e-000000000031", "9c4d2e1f-6a7b-4c8d-9e0f-000000000021"
A, B, F, X = "A" * 40, "B" * 40, "F" * 40, "C0FFEE" + "0" * 34
EXO = "00000002-0000-0ff1-ce00-000000000000"
ROLE = [{"resourceAppId": EXO, "resourceAccess": [{"id": "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "type": "Role"}]}]
_numbers = itertools.count(1)


def guid():
    return f"00000000-0000-4000-8000-{next(_numbers):012x}"


def obj(kind, name, side="on-premises", source=None, id_=None, **properties):
    source = source or ("exchange-server" if side == "on-premises" else "graph" if kind.startswith("Graph") else "exchange-online")
    return {"table": "object", "row": dict(source=source, side=side, kind=kind, listing="", identity=name, name=name,
                                           guid=guid() if id_ is None else id_, json=properties)}


def cloud(kind, name, **properties):
    return obj(kind, name, "cloud", **properties)


def certificate(thumbprint, subject="CN=Federation", issuer=None, ends="2029-01-01T00:00:00Z", **more):
    return obj("ExchangeCertificate", "", id_="", RawData="AAAA", Server="EX01", Thumbprint=thumbprint, Subject=subject,
               Issuer=issuer or subject, NotAfter=ends, **more)


def shown(thumbprint):
    """A certificate as a trust shows it."""
    return f"[Subject]\r\n  CN=Federation\r\n\r\n[Not After]\r\n  1/1/2029 1:00:00 AM\r\n\r\n[Thumbprint]\r\n  {thumbprint}\r\n"


BASE = [obj("OrganizationConfig", "Contoso", id_=ORG), obj("ExchangeServer", "EX01", IsEdgeServer=False, Fqdn="ex01.contoso.com"),
        cloud("AcceptedDomain", "contoso.com", DomainName="contoso.com"),
        cloud("AcceptedDomain", "contoso.mail.onmicrosoft.com", DomainName="contoso.mail.onmicrosoft.com"),
        cloud("AcceptedDomain", "contoso.onmicrosoft.com", DomainName="contoso.onmicrosoft.com"),
        cloud("GraphOrganization", "Contoso", id_=TENANT, id=TENANT),
        cloud("OnPremisesOrganization", ORG, OrganizationGuid=ORG, HybridDomains=["contoso.com"], InboundConnector="in",
              OutboundConnector="out", OrganizationRelationship="rel")]
OTHERS = [cloud("OnPremisesOrganization", "Labs", OrganizationGuid=LABS, HybridDomains=["labs.example"], InboundConnector="in2",
                OutboundConnector="out2", OrganizationRelationship="rel2")]
SETS = """on-premises:AcceptedDomain on-premises:FederatedOrganizationIdentifier on-premises:FederationTrust on-premises:OrganizationRelationship
 on-premises:SharingPolicy on-premises:ExchangeCertificate on-premises:SettingOverride on-premises:PartnerApplication on-premises:AuthServer
 on-premises:AuthConfig on-premises:SendConnector on-premises:ReceiveConnector on-premises:ExchangeServer on-premises:OrganizationConfig
 cloud:AcceptedDomain cloud:OnPremisesOrganization cloud:GraphServicePrincipal cloud:GraphApplication cloud:GraphProxyPrincipal
 cloud:MigrationEndpoint cloud:MigrationBatch cloud:GraphOrganization""".split()


class Plan:
    def __init__(self, document):
        (self.step,) = document["steps"]
        self.state, self.why, self.notes = self.step["state"], self.step["why"], self.step["notes"]
        self.actions = document["actions"]
        self.owners = {o["name"]: o["owner"] for o in self.step["objects"]}
        self.reasons = {o["name"]: o["reason"] for o in self.step["objects"]}

    def cmdlets(self):
        return [[c["cmdlet"], {a["name"]: a.get("value", a.get("text")) for a in c.get("arguments", ())}] for a in self.actions for c in a.get("changes", ())]

    def __repr__(self):
        return json.dumps([self.step, self.actions], indent=1)


def plan(tmp_path, step, *rows, base=BASE, lacking=(), anchors=None, now=NOW, code=0):
    path = tmp_path / f"facts-{next(_numbers)}.db"
    lines = [{"table": "observation", "row": dict(organization="contoso", tenant=TENANT, program="0", host="lab", started_at=now - 120,
                                                  ended_at=now - 60, interrupted=0)}, *base, *rows]
    for name in SETS:
        side, _, short = name.partition(":")
        state = "partial" if name in lacking else "complete"
        lines.append({"table": "set", "row": dict(source="lab", side=side, name=short, part="", state=state, answer=3 if name in lacking else 0,
                                                  objects=1, why="", observed_at=now - 60)})
    subprocess.run([DRIVERS / "facts_make", path], input="\n".join(map(json.dumps, lines)).encode(), check=True, timeout=60)
    done = subprocess.run([DRIVERS / "facts_plan", path, step, str(now), *([json.dumps(anchors)] if anchors else [])], capture_output=True, timeout=60)
    assert done.returncode == code, done.stderr
    return Plan(json.loads(done.stdout))


# ---- C-07

TRUST = obj("FederationTrust", "Whatever it is called", OrgCertificate=shown(F), OrgNextCertificate=None, TokenIssuerUri="urn:federation:MicrosoftOnline")
HOLDER = dict(AccountNamespace="FYDIBOHF25SPDLT.contoso.com", DelegationTrustLink="contoso.com/Configuration/Whatever it is called", Enabled=True)


def federated(holder=HOLDER, links=("contoso.com", "contoso.net"), domains=("FYDIBOHF25SPDLT.contoso.com", "contoso.com", "contoso.net"), link="Federation"):
    return [TRUST, certificate(F), obj("FederatedOrganizationIdentifier", "Federation", Domains=list(domains) if domains is not None else None, **holder),
            *(obj("AcceptedDomain", name, DomainName=name, FederatedOrganizationLink=link if name in links else None)
              for name in ("a.contoso.com", "contoso.com", "contoso.net"))]


HYBRID_RELATION = obj("OrganizationRelationship", "Partner with Adatum", DomainNames=["contoso.mail.onmicrosoft.com"], Enabled=True, TargetApplicationUri="outlook.com")


def test_domains_go_in_order(tmp_path):
    made = plan(tmp_path, "federated-domain", *federated(), HYBRID_RELATION)
    assert made.state == "actions", made
    assert made.cmdlets() == [["Remove-FederatedDomain", {"DomainName": "contoso.net"}], ["Remove-FederatedDomain", {"DomainName": "contoso.com"}]]
    assert made.owners == {"contoso.net": "shared", "contoso.com": "shared", "a.contoso.com": "server"}
    assert all(a["verb"] == "reduce" and not a.get("approval") for a in made.actions)
    assert not any("guid" in c for a in made.actions for c in a["changes"]), "the cmdlet takes no identity"


def test_domains_where_one_source_shows_no_list(tmp_path):
    """Active Directory computes the list; a directory that does not leaves the links of the domains."""
    rows = [dict(r, row=dict(r["row"], source="directory")) if r["row"]["kind"] in ("AcceptedDomain", "FederatedOrganizationIdentifier") else r
            for r in federated(domains=None)]
    made = plan(tmp_path, "federated-domain", *rows)
    assert [c[1]["DomainName"] for c in made.cmdlets()] == ["contoso.net", "contoso.com"], made
    # The list of one source, the links of none.
    rows = federated()
    for row in rows:
        row["row"]["json"].pop("FederatedOrganizationLink", None)
    assert [c[1]["DomainName"] for c in plan(tmp_path, "federated-domain", *rows).cmdlets()] == ["contoso.net", "contoso.com"]
    rows = federated(domains=None)
    for row in rows:
        row["row"]["json"].pop("FederatedOrganizationLink", None)
    assert plan(tmp_path, "federated-domain", *rows).state == "unknown"


def test_a_namespace_that_is_no_accepted_domain(tmp_path):
    made = plan(tmp_path, "federated-domain", *federated(dict(HOLDER, AccountNamespace="fed.example"), domains=("fed.example", "contoso.com")))
    assert [c[1]["DomainName"] for c in made.cmdlets()] == ["contoso.com", "contoso.net", "fed.example"], made
    assert made.actions[-1]["subject"]["kind"] == "FederatedOrganizationIdentifier"


def test_no_federation_is_a_normal_state(tmp_path):
    for step in ("federated-domain", "federation-trust"):
        made = plan(tmp_path, step, obj("FederatedOrganizationIdentifier", "Federation", AccountNamespace=None, Domains=[], Enabled=True),
                    obj("AcceptedDomain", "contoso.com", DomainName="contoso.com", FederatedOrganizationLink=None), lacking=["on-premises:ExchangeCertificate"])
        assert made.state == "nothing", made


USERS = {
    "partner": obj("OrganizationRelationship", "On-premises to O365 - " + ORG, DomainNames=["adatum.example"], Enabled=True, TargetApplicationUri="adatum.example"),
    "partner beside the tenant": obj("OrganizationRelationship", "x", DomainNames=["contoso.mail.onmicrosoft.com", "adatum.example"], Enabled=True, TargetApplicationUri="outlook.com"),
    "another forest": obj("OrganizationRelationship", "x", DomainNames=["contoso.com"], Enabled=True, TargetApplicationUri="FYDIBOHF25SPDLT.contoso.com"),
    "policy": obj("SharingPolicy", "Default Sharing Policy", Domains=["*:CalendarSharingFreeBusySimple", "adatum.example:CalendarSharingFreeBusyDetail"], Enabled=True)}
NO_USERS = {
    "switched off": obj("OrganizationRelationship", "x", DomainNames=["adatum.example"], Enabled=False, TargetApplicationUri="adatum.example"),
    "hybrid": HYBRID_RELATION,
    "default policy": obj("SharingPolicy", "x", Domains=["*:CalendarSharingFreeBusySimple", "Anonymous:CalendarSharingFreeBusyReviewer"], Enabled=True)}
UNTOLD = {
    "domains": obj("OrganizationRelationship", "x", Enabled=True, TargetApplicationUri="outlook.com"),
    "enabled": obj("OrganizationRelationship", "x", DomainNames=["adatum.example"], TargetApplicationUri="adatum.example"),
    "where it leads": obj("OrganizationRelationship", "x", DomainNames=["contoso.com"], Enabled=True),
    "policy": obj("SharingPolicy", "x", Enabled=True)}


@pytest.mark.parametrize("step", ["federated-domain", "federation-trust"])
def test_what_uses_federation_blocks(tmp_path, step):
    for name, row in USERS.items():
        made = plan(tmp_path, step, *federated(), row)
        assert made.state == "blocked" and not made.actions, (name, made)
        assert "adatum.example" in made.why or "another Exchange organisation" in made.why
    for name, row in NO_USERS.items():
        assert plan(tmp_path, step, *federated(), row).state == "actions", name
    for name, row in UNTOLD.items():
        made = plan(tmp_path, step, *federated(), row)
        assert made.state == "unknown" and not made.actions, (name, made)


@pytest.mark.parametrize("step", ["federated-domain", "federation-trust"])
def test_sets_that_are_not_complete(tmp_path, step):
    for lacking in ("on-premises:FederatedOrganizationIdentifier", "on-premises:OrganizationRelationship", "on-premises:SharingPolicy", "cloud:AcceptedDomain",
                    "on-premises:ExchangeCertificate", "on-premises:FederationTrust", "on-premises:AcceptedDomain"):
        made = plan(tmp_path, step, *federated(), lacking=[lacking])
        assert made.state == "unknown" and lacking in made.why and not made.actions, (lacking, made)


def without(kind, rows):
    return [r for r in rows if r["row"]["kind"] != kind]


def test_the_certificate_decides_how(tmp_path):
    rows = without("ExchangeCertificate", federated())
    ended = plan(tmp_path, "federated-domain", *rows, certificate(F, ends="2026-12-31T00:00:00Z"))
    assert [c[1] for c in ended.cmdlets()] == [{"DomainName": "contoso.net", "Force": True}, {"DomainName": "contoso.com", "Force": True}], ended
    assert all(F in a["approval"] and "2026-12-31" in a["approval"] for a in ended.actions)
    assert any("clock" in n for n in ended.notes) and any("ended on 2026-12-31" in n for n in ended.notes)
    for step in ("federated-domain", "federation-trust"):
        missing = plan(tmp_path, step, *rows, certificate(A))
        assert missing.state == "blocked" and F in missing.why and "import it" in missing.why, missing
        trust = obj("FederationTrust", "x", OrgPrivCertificate=F, OrgNextPrivCertificate=A)
        following = plan(tmp_path, step, *without("FederationTrust", rows), trust, certificate(A))
        assert following.state == "blocked" and "msExchFedOrgNextCertificate" in following.why, following
    # Nothing told of it: Exchange itself decides, and no force is used.
    for trust in (obj("FederationTrust", "x"), obj("FederationTrust", "x", OrgCertificate="[Subject]\r\n  CN=Federation\r\n")):
        untold = plan(tmp_path, "federated-domain", *without("FederationTrust", rows), trust, certificate(F))
        assert untold.state == "actions" and all("Force" not in c[1] for c in untold.cmdlets()), untold
        assert any("was not obtained" in n for n in untold.notes), untold
    assert plan(tmp_path, "federated-domain", *rows, certificate(None)).state == "actions", "one that nobody could read may be the one"


def test_the_trust_goes_once(tmp_path):
    made = plan(tmp_path, "federation-trust", *federated())
    (action,) = made.actions
    assert action["reversible"] == "no" and made.cmdlets()[0][0] == "Remove-FederationTrust" and action["changes"][0]["guid"] == TRUST["row"]["guid"]
    assert any("contoso.com, contoso.net" in n for n in made.notes)
    # Of several, the one that the federated organisation uses.
    made = plan(tmp_path, "federation-trust", *federated(), obj("FederationTrust", "Microsoft Federation Gateway", OrgPrivCertificate=F))
    assert made.owners == {"Whatever it is called": "hybrid", "Microsoft Federation Gateway": "partner"} and len(made.actions) == 1, made


# ---- C-08

TLS = "<I>CN=CA, O=Example<S>CN=mail.contoso.com"
SEND = obj("SendConnector", "Outbound", AddressSpaces=["smtp:contoso.mail.onmicrosoft.com;1"], CloudServicesMailEnabled=True, TlsCertificateName=TLS,
           TlsDomain="mail.protection.outlook.com")
HYBRID_CONFIGURATION = obj("HybridConfiguration", "Hybrid Configuration", TlsCertificateName=TLS, Domains=["contoso.com"])
MAIL = dict(subject="CN=mail.contoso.com", issuer="CN=CA, O=Example")
AUTH = obj("AuthConfig", "Auth Configuration", CurrentCertificateThumbprint=A, PreviousCertificateThumbprint="", NextCertificateThumbprint="")


def certificates(tmp_path, *rows, **more):
    return plan(tmp_path, "certificate", TRUST, AUTH, HYBRID_CONFIGURATION, SEND, certificate(A, "CN=Microsoft Exchange Server Auth Certificate"),
                certificate("D" * 40, "CN=EX01"), *rows, **more)


def test_the_federation_certificate_goes(tmp_path):
    made = certificates(tmp_path, certificate(F))
    export, removal = made.actions
    assert export["executor"] == "operator" and export["expect"][0]["what"] == "file", export
    assert f"-Thumbprint {F} -BinaryEncoded -Password $password" in export["commands"] and "AsSecureString" in export["commands"]
    assert removal["reversible"] == "no" and not removal.get("approval")
    assert made.cmdlets()[-1] == ["Remove-ExchangeCertificate", {"Thumbprint": F, "Server": "EX01"}]
    assert made.owners == {"CN=Federation": "hybrid", "CN=Microsoft Exchange Server Auth Certificate": "server", "CN=EX01": "server"}


def test_the_certificate_of_a_trust_that_stays(tmp_path):
    made = certificates(tmp_path, certificate(F), obj("FederationTrust", "Another", OrgPrivCertificate=F))
    assert made.state == "nothing" and made.owners["CN=Federation"] == "shared", made


@pytest.mark.parametrize("row,why", [
    (certificate(F, issuer="CN=Somebody"), "not self-signed: another product's that is called so"),
    (certificate(F, Services="Federation, IIS"), "it serves a web site"),
    (certificate("E" * 40, "CN=Federation of Planets"), "a name that begins so"),
])
def test_certificates_that_look_like_the_federations(tmp_path, row, why):
    made = certificates(tmp_path, row)
    assert made.state == "nothing", (why, made)


def test_the_mail_certificate(tmp_path):
    mail = certificate(X, Services="SMTP", **MAIL)
    made = certificates(tmp_path, mail)
    assert [a["verb"] for a in made.actions] == ["do", "remove"] and all(X in a["approval"] for a in made.actions), made
    stays = {
        "serves a web site": [certificate(X, Services="IIS, SMTP", **MAIL)],
        "nobody told its services": [certificate(X, **MAIL)],
        "another issuer": [certificate(X, Services="SMTP", subject=MAIL["subject"], issuer="CN=Other")],
        "a connector to a partner names it": [mail, obj("SendConnector", "Outbound to Office 365", AddressSpaces=["smtp:adatum.example;1"], TlsCertificateName=TLS)],
        "a shared connector names it": [mail, obj("SendConnector", "y", AddressSpaces=["smtp:adatum.example;1", "smtp:contoso.mail.onmicrosoft.com;1"], TlsCertificateName=TLS)],
        "a relay names it": [mail, obj("ReceiveConnector", "Relay", TlsCertificateName=TLS, TlsDomainCapabilities=[])],
    }
    for why, rows in stays.items():
        assert certificates(tmp_path, *rows).state == "nothing", why
    hybrid = obj("ReceiveConnector", "Default Frontend EX01", TlsCertificateName=TLS, TlsDomainCapabilities=["mail.protection.outlook.com:AcceptCloudServicesMail"])
    assert certificates(tmp_path, mail, hybrid).state == "actions"
    # A connector that goes with the server, one that may lead anywhere, and one that may name any certificate.
    assert certificates(tmp_path, mail, obj("SendConnector", "y", AddressSpaces=[], TlsCertificateName=TLS)).state == "nothing"
    assert certificates(tmp_path, mail, obj("SendConnector", "y", AddressSpaces=None, TlsCertificateName=TLS)).state == "nothing"
    for kind, more in (("SendConnector", dict(AddressSpaces=["smtp:*;1"])), ("ReceiveConnector", dict(TlsDomainCapabilities=[]))):
        assert certificates(tmp_path, mail, obj(kind, "y", **more)).state == "unknown", kind
    # Transport would have none.
    alone = plan(tmp_path, "certificate", AUTH, HYBRID_CONFIGURATION, SEND, mail, certificate(A, "CN=auth"))
    assert alone.state == "nothing" and "no other" in alone.reasons["CN=mail.contoso.com"], alone


def test_what_is_not_known_of_certificates(tmp_path):
    unread = certificate(F)
    del unread["row"]["json"]["Subject"]
    for row in (certificate(None, "CN=x"), unread):
        assert certificates(tmp_path, row).state == "unknown"
    assert certificates(tmp_path, certificate("E" * 40, "")).state == "nothing", "certificates may have no subject"
    assert certificates(tmp_path, certificate(F), lacking=["on-premises:ExchangeCertificate"]).state == "unknown"
    # An export tells no server; where there is one alone it is that one's, else nobody knows.
    exported = certificate(F)
    del exported["row"]["json"]["Server"]
    assert certificates(tmp_path, exported).cmdlets()[-1][1] == {"Thumbprint": F, "Server": "EX01"}
    assert certificates(tmp_path, exported, obj("ExchangeServer", "EX02", IsEdgeServer=False)).state == "unknown"


def test_the_same_certificate_on_two_servers(tmp_path):
    second = certificate(F)
    second["row"]["json"]["Server"] = "EX02"
    made = certificates(tmp_path, certificate(F), second, obj("ExchangeServer", "EX02", IsEdgeServer=False))
    assert [c[1]["Server"] for c in made.cmdlets()] == ["EX01", "EX02"] and len({a["id"] for a in made.actions}) == 4


# ---- section 5

def key(n, thumbprint=None, identifier=None, name="CN=auth", ends="2029-01-01T00:00:00Z"):
    return {"keyId": f"7b000000-1b2c-4d3e-8f40-{n:012d}", "customKeyIdentifier": identifier, "displayName": name, "endDateTime": ends,
            "startDateTime": "2024-01-01T00:00:00Z", "type": "AsymmetricX509Cert", "usage": "Verify", **({"thumbprint": thumbprint} if thumbprint else {})}


def principal(*keys, **more):
    return obj("GraphServicePrincipal", "Office 365 Exchange Online", "cloud", id_=guid(), **dict({"appId": EXO, "keyCredentials": list(keys)}, **more))


CREDENTIALS = "service-principal-credential"
TWO = obj("AuthConfig", "Auth Configuration", CurrentCertificateThumbprint=A, PreviousCertificateThumbprint=B, NextCertificateThumbprint="")


def removed(action):
    return [(k["key_id"][-4:], k["reason"]) for k in action["graph"]["keys"]]


def test_credentials_of_this_organisation(tmp_path):
    made = plan(tmp_path, CREDENTIALS, TWO, principal(
        key(1, thumbprint=A), key(2, identifier=B.lower()), key(3, identifier=base64.b64encode(bytes.fromhex(A)).decode()),
        key(4, identifier=base64.b64encode(A.encode()).decode()), key(5, thumbprint=X, ends="2026-01-01T00:00:00Z")))
    (action,) = made.actions
    assert removed(action) == [("0001", "ours"), ("0002", "ours"), ("0003", "ours"), ("0004", "ours"), ("0005", "expired")], action
    assert made.owners == {"Office 365 Exchange Online": "shared"} and action["verb"] == "reduce" and not action.get("approval")
    assert [e["value"][-4:] for e in action["expect"]] == ["0001", "0002", "0003", "0004", "0005"]


def test_a_certificate_that_was_told_decides_alone(tmp_path):
    """The identifier is what somebody wrote beside it."""
    made = plan(tmp_path, CREDENTIALS, TWO, principal(key(1, thumbprint=X, identifier=A)))
    (action,) = made.actions
    assert removed(action) == [("0001", "named")] and "0001" in action["approval"] and action["part"].endswith("0001")


def test_credentials_of_nobody(tmp_path):
    rows = [TWO, certificate(A, "CN=auth"), principal(key(1, thumbprint=A), key(2, thumbprint=X, name="CN=Labs"), key(3, identifier="x"), key(4, identifier="y", ends=None))]
    made = plan(tmp_path, CREDENTIALS, *rows, *OTHERS)
    assert [removed(a) for a in made.actions] == [[("0001", "ours")], [("0002", "named")], [("0003", "named")], [("0004", "named")]], made
    assert all(bool(a.get("approval")) == (i > 0) for i, a in enumerate(made.actions))
    assert LABS in made.actions[1]["approval"], "it may be the other organisation's"
    assert A in made.actions[2]["approval"] and A not in made.actions[1]["approval"], "name and end are a hint for a person"
    assert len({a["id"] for a in made.actions}) == 4
    assert LABS not in plan(tmp_path, CREDENTIALS, *rows).actions[1]["approval"]


def test_credentials_that_cannot_be_told(tmp_path):
    assert plan(tmp_path, CREDENTIALS, TWO, principal()).state == "nothing"
    assert plan(tmp_path, CREDENTIALS, TWO).state == "nothing"
    assert plan(tmp_path, CREDENTIALS, principal(key(1, thumbprint=A))).state == "unknown", "no thumbprint of ours is known"
    assert plan(tmp_path, CREDENTIALS, principal(key(1, thumbprint=A)), anchors={"auth-certificate": [A]}).state == "actions"
    assert plan(tmp_path, CREDENTIALS, TWO, principal(key(1, thumbprint=A), keyCredentials={"@answer": "refused"})).state == "unknown"
    assert plan(tmp_path, CREDENTIALS, TWO, principal(dict(key(1, thumbprint=A), keyId=None))).state == "unknown"
    assert plan(tmp_path, CREDENTIALS, TWO, principal(key(1, thumbprint=A)), principal(key(2, thumbprint=A))).state == "unknown", "two of them"
    assert plan(tmp_path, CREDENTIALS, TWO, principal(key(1, thumbprint=A)), lacking=["cloud:GraphServicePrincipal"]).state == "unknown"
    assert plan(tmp_path, CREDENTIALS, TWO, principal(key(1, thumbprint=A), appId=APP)).state == "nothing", "another application's principal"


def test_credentials_by_a_persons_word(tmp_path):
    """What the journal has by a word alone is no observation: it holds no longer than the statement (test_starts has those)."""
    stated = {"auth-certificate": [A], "auth-certificate-stated": [f"{A} Ada"]}
    made = plan(tmp_path, CREDENTIALS, principal(key(1, thumbprint=A)), anchors=stated)
    assert made.state == "unknown"
    assert plan(tmp_path, CREDENTIALS, principal(key(1, thumbprint=A)), anchors={"other-certificate-stated": [f"{A} Ada"]}).state == "unknown"
    made = plan(tmp_path, CREDENTIALS, principal(key(1, thumbprint=A), key(2, thumbprint=B)), anchors={**stated, "auth-certificate": [A, B]})
    (first, second) = made.actions
    assert removed(first) == [("0002", "ours")] and removed(second) == [("0001", "named")], "B the journal has by itself"


def application(name, app=None, role=True, **more):
    return cloud("GraphApplication", name, **dict({"appId": app or guid(), "displayName": name, "requiredResourceAccess": ROLE if role else [], "tags": []}, **more))


def auth_server(name="EvoSts", type_="AzureAD", realm=TENANT, url=f"https://login.windows.net/{TENANT}/federationmetadata/2007-06/federationmetadata.xml", **more):
    return obj("AuthServer", name, **dict({"Type": type_, "Realm": realm, "AuthMetadataUrl": url, "ApplicationIdentifier": None,
                                          "IsDefaultAuthorizationEndpoint": False, "Enabled": True}, **more))


def test_the_dedicated_application(tmp_path):
    made = plan(tmp_path, "dedicated-application", auth_server(ApplicationIdentifier=APP),
                application("Our mail, do not delete", APP, role=False), application("ExchangeServerApp-" + ORG.upper()),
                application("ExchangeServerApp-" + LABS), application("Backup"), application("agent", role=False, tags=["WindowsAzureActiveDirectoryOnPremApp"]))
    assert made.owners == {"Our mail, do not delete": "hybrid", "ExchangeServerApp-" + ORG.upper(): "hybrid", "ExchangeServerApp-" + LABS: "other-forest",
                           "Backup": "tenant", "agent": "tenant"}, made
    assert [a["graph"]["action"] for a in made.actions] == ["delete", "delete"] and all(a["reversible"] == "yes" for a in made.actions)
    # Nothing reads its principal back: who carries it out is told how to see that it went, of these two and no other.
    assert len(made.notes) == 2 and any(f"appId eq '{APP}'" in note and "Our mail, do not delete" in note for note in made.notes), made.notes
    impostor = plan(tmp_path, "dedicated-application", application("ExchangeServerApp-" + ORG, role=False))
    assert not impostor.notes
    assert impostor.state == "nothing" and impostor.owners == {"ExchangeServerApp-" + ORG: "tenant"}
    assert plan(tmp_path, "dedicated-application", application("ExchangeServerApp-" + ORG, requiredResourceAccess={"@answer": "refused"})).state == "unknown"
    assert plan(tmp_path, "dedicated-application", lacking=["cloud:GraphApplication"]).state == "unknown"
    # Another organisation's servers may call by it too, which nothing here shows.
    shared = plan(tmp_path, "dedicated-application", auth_server(ApplicationIdentifier=APP), application("Our mail, do not delete", APP, role=False),
                  application("ExchangeServerApp-" + ORG.upper()), base=BASE + OTHERS)
    assert sorted((a["subject"]["name"], LABS in (a.get("approval") or "")) for a in shared.actions) == [
        ("ExchangeServerApp-" + ORG.upper(), False), ("Our mail, do not delete", True)], shared
    assert not any(a.get("approval") for a in made.actions)
    # The servers' object is gone, the journal remembers.
    assert plan(tmp_path, "dedicated-application", application("x", APP), anchors={"dedicated-application": [APP]}).state == "actions"


# ---- C-09

def test_authorization_servers(tmp_path):
    made = plan(tmp_path, "auth-server",
                auth_server("Old", "MicrosoftACS", "", f"https://accounts.accesscontrol.windows.net/{TENANT}/metadata/json/1"),
                auth_server("ADFS", ApplicationIdentifier=APP, IsDefaultAuthorizationEndpoint=True),
                auth_server("EvoSts - " + ORG, realm=TAILSPIN, url=f"https://login.windows.net/{TAILSPIN}/federationmetadata.xml"),
                auth_server("evoSTS", "ADFS", "", "https://sts.contoso.com/federationmetadata.xml"), auth_server("ACS", "Facebook", None, None))
    assert made.owners == {"Old": "hybrid", "ADFS": "hybrid", "EvoSts - " + ORG: "partner", "evoSTS": "server", "ACS": "server"}, made
    assert [(a["subject"]["name"], a["verb"], a.get("part")) for a in made.actions] == [
        ("ADFS", "set", "IsDefaultAuthorizationEndpoint"), ("ADFS", "set", "ApplicationIdentifier"), ("ADFS", "remove", None), ("Old", "remove", None)]
    assert made.cmdlets()[:2] == [["Set-AuthServer", {"IsDefaultAuthorizationEndpoint": False}], ["Set-AuthServer", {"ApplicationIdentifier": None}]]


def test_an_identifier_of_microsofts_own_stays_with_its_server(tmp_path):
    made = plan(tmp_path, "auth-server", auth_server("ACS", "MicrosoftACS", "", f"https://accounts.accesscontrol.windows.net/{TENANT}/metadata/json/1",
                                                     ApplicationIdentifier="00000001-0000-0000-c000-000000000000"))
    assert [c[0] for c in made.cmdlets()] == ["Remove-AuthServer"], made


def test_authorization_servers_as_the_directory_has_them(tmp_path):
    """There the type is a number that nobody documents: the metadata's host tells."""
    rows = [auth_server("a", 4), auth_server("b", 1, url=f"https://accounts.accesscontrol.windows.net/{TENANT}/metadata/json/1"),
            auth_server("c", 5, realm=None, url="https://sts.contoso.com/federationmetadata.xml")]
    made = plan(tmp_path, "auth-server", *[dict(r, row=dict(r["row"], source="directory")) for r in rows])
    assert made.owners == {"a": "hybrid", "b": "hybrid", "c": "server"}, made


def test_authorization_servers_that_cannot_be_told(tmp_path):
    for row in (auth_server(type_={"@answer": "refused"}, url=None), auth_server(realm={"@answer": "refused"}, url={"@answer": "refused"}),
                auth_server(realm="", url="https://login.windows.net/common/federationmetadata.xml")):
        assert plan(tmp_path, "auth-server", row).state == "unknown"
    no_tenant = [r for r in BASE if r["row"]["kind"] != "GraphOrganization"]
    assert plan(tmp_path, "auth-server", lacking=["on-premises:AuthServer"]).state == "unknown"
    assert plan(tmp_path, "auth-server", auth_server(), base=no_tenant).state == "actions", "the observation names the tenant"


def test_the_partner_application(tmp_path):
    rows = [obj("PartnerApplication", "Microsoft Graph", ApplicationIdentifier=EXO, Enabled=True),
            obj("PartnerApplication", "Exchange Online", ApplicationIdentifier="00000003-0000-0ff1-ce00-000000000000", Enabled=True)]
    made = plan(tmp_path, "partner-application", *rows)
    assert made.owners == {"Microsoft Graph": "shared", "Exchange Online": "server"}
    assert made.cmdlets() == [["Set-PartnerApplication", {"Enabled": False}]] and made.actions[0]["verb"] == "disable"
    assert plan(tmp_path, "partner-application", obj("PartnerApplication", "x", ApplicationIdentifier=EXO, Enabled=False)).state == "nothing"
    assert plan(tmp_path, "partner-application", obj("PartnerApplication", "x", ApplicationIdentifier=EXO)).state == "unknown"
    assert plan(tmp_path, "partner-application", obj("PartnerApplication", "Exchange Online", Enabled=True)).state == "unknown"
    assert plan(tmp_path, "partner-application").state == "nothing"


def test_the_setting_override(tmp_path):
    made = plan(tmp_path, "setting-override",
                obj("SettingOverride", "Mine", ComponentName="Global", SectionName="ExchangeOnpremAsThirdPartyAppId", Parameters=["Enabled=false"]),
                obj("SettingOverride", "EnableExchangeHybrid3PAppFeature", ComponentName="Transport", SectionName="x", Parameters=["Enabled=true"]))
    assert made.owners == {"Mine": "hybrid", "EnableExchangeHybrid3PAppFeature": "server"} and made.cmdlets() == [["Remove-SettingOverride", {}]], made
    assert plan(tmp_path, "setting-override", obj("SettingOverride", "EnableExchangeHybrid3PAppFeature")).state == "unknown"


# ---- C-10

def behind_proxy(name, app, page="https://intranet-contoso.msappproxy.net/"):
    return cloud("GraphProxyPrincipal", name, appId=app, homepage=page, tags=["WindowsAzureActiveDirectoryOnPremApp"])


AGENT_HOST = AGENT + ".resource.mailboxmigration.his.msappproxy.net"


def test_the_hybrid_agent(tmp_path):
    tells = cloud("IntraOrganizationConnector", "x", TargetSharingEpr=f"https://{AGENT_HOST}/EWS/Exchange.asmx", TargetAddressDomains=["contoso.com"])
    ours, intranet = behind_proxy("Intranet", AGENT.upper(), f"https://{AGENT_HOST}/"), behind_proxy("Hybrid Agent", guid())
    made = plan(tmp_path, "hybrid-agent", tells, ours, intranet)
    assert made.owners == {"Intranet": "hybrid", "Hybrid Agent": "tenant"}, made
    (action,) = made.actions
    assert action["executor"] == "operator" and f"Remove-HybridApplication -appId {AGENT} " in action["commands"] and action["expect"][0]["what"] == "absent"
    remembered = plan(tmp_path, "hybrid-agent", ours, anchors={"hybrid-agent": [AGENT]})
    assert remembered.state == "actions", "what told it is gone, the journal remembers"
    gone = plan(tmp_path, "hybrid-agent", tells)
    assert gone.state == "nothing" and AGENT in gone.notes[0] and "mshybridsvc" in gone.notes[0]
    assert plan(tmp_path, "hybrid-agent").notes == []
    leads = plan(tmp_path, "hybrid-agent", cloud("MigrationEndpoint", "Old moves", EndpointType="ExchangeRemoteMove", RemoteServer=AGENT_HOST), ours)
    assert leads.state == "actions" and any("Old moves" in n for n in leads.notes), leads
    other = behind_proxy("x", LABS, f"https://{LABS}.resource.mailboxmigration.his.msappproxy.net/")
    assert plan(tmp_path, "hybrid-agent", tells, other, *OTHERS).owners == {"x": "other-forest"}
    assert plan(tmp_path, "hybrid-agent", other).state == "unknown", "an agent that nothing leads through, and nobody else there"
    assert plan(tmp_path, "hybrid-agent", tells, lacking=["cloud:GraphProxyPrincipal"]).state == "unknown"


# ---- C-11: the server is gone

GONE = [r for r in BASE if r["row"]["kind"] != "ExchangeServer"]
REMEMBERED = {"server-host": ["mail.contoso.com"], "hybrid-agent": [AGENT], "hybrid-domain": ["contoso.com"]}


def endpoints(tmp_path, *rows, **more):
    return plan(tmp_path, "migration-endpoint", *rows, **dict(dict(base=GONE, anchors=REMEMBERED), **more))


def endpoint(name, remote, type_="ExchangeRemoteMove", **more):
    return cloud("MigrationEndpoint", name, EndpointType=type_, RemoteServer=remote, **more)


def test_endpoints(tmp_path):
    made = endpoints(tmp_path, endpoint("To Labs", "mail.contoso.com"), endpoint("b", AGENT_HOST), endpoint("c", "MRS.contoso.com"),
                     endpoint("Hybrid Migration Endpoint - EWS (Default Web Site)", "mail.labs.example"), endpoint("e", "mail.contoso.com", "IMAP"),
                     endpoint("f", "outlook.office.com", RemoteTenant="tailspin.onmicrosoft.com"), *OTHERS)
    assert made.owners == {"To Labs": "hybrid", "b": "hybrid", "c": "hybrid", "Hybrid Migration Endpoint - EWS (Default Web Site)": "other-forest",
                           "e": "tenant", "f": "cross-tenant"}, made
    assert made.cmdlets() == [["Remove-MigrationEndpoint", {}]] * 3 and all(a["reversible"] == "operator" for a in made.actions)


def test_endpoints_that_stay(tmp_path):
    ours = endpoint("a", "mail.contoso.com")
    for source in ("A", ours["row"]["guid"]):
        used = endpoints(tmp_path, ours, cloud("MigrationBatch", "Wave 7", SourceEndpoint=source, TargetEndpoint=None, Status="Completed"))
        assert used.state == "blocked" and "Wave 7" in used.why and not used.actions, used
    assert endpoints(tmp_path, ours, cloud("MigrationBatch", "Wave 7", SourceEndpoint="b", TargetEndpoint=None)).state == "actions"
    assert endpoints(tmp_path, ours, cloud("MigrationBatch", "Wave 7", TargetEndpoint=None)).state == "unknown"
    assert endpoints(tmp_path, ours, lacking=["cloud:MigrationBatch"]).state == "unknown"
    for row in (endpoint("a", "mail.nowhere.example"), endpoint("a", None), endpoint("a", "mail.contoso.com", None)):
        assert endpoints(tmp_path, row).state == "unknown", row
    waits = endpoints(tmp_path, ours, base=BASE)
    assert waits.state == "skipped" and not waits.actions, "while a server is there"
    assert endpoints(tmp_path).state == "nothing"
