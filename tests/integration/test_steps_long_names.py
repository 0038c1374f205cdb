# SPDX-License-Identifier: Apache-2.0
"""Names longer than the sentences of a plan have room for, in characters of several bytes: a plan is made all the same, and no
sentence in it ends a name within a character. Each case is one step, and each is tried with all three ways in which a limit in
bytes can meet characters of three."""
import pytest

import test_steps_after as after
import test_steps_trust as trust
from test_steps_trust import pytestmark  # noqa: F401

LONG = "日本語の長い名前" * 22   # 528 bytes


def credential(tmp_path, name):
    return trust.plan(tmp_path, "service-principal-credential", trust.TWO, trust.principal(trust.key(1, thumbprint=trust.X, name=name)))


def credential_of_others(tmp_path, name):
    other = trust.cloud("OnPremisesOrganization", "Labs", OrganizationGuid=name, HybridDomains=["labs.example"])
    return trust.plan(tmp_path, "service-principal-credential", trust.TWO, trust.principal(trust.key(1, thumbprint=trust.X)), other)


def application_of_others(tmp_path, name):
    other = trust.cloud("OnPremisesOrganization", "Labs", OrganizationGuid=name, HybridDomains=["labs.example"])
    return trust.plan(tmp_path, "dedicated-application", trust.auth_server(ApplicationIdentifier=trust.APP),
                      trust.application("Our mail", trust.APP, role=False), other)


def certificate(tmp_path, name):
    names = dict(subject=f"CN={name}", issuer="CN=Public CA")
    send = trust.obj("SendConnector", "x", AddressSpaces=["smtp:contoso.mail.onmicrosoft.com;1"], TlsCertificateName=f"<I>CN=Public CA<S>CN={name}")
    hybrid = trust.obj("HybridConfiguration", "Hybrid Configuration", TlsCertificateName=f"<I>CN=Public CA<S>CN={name}")
    return trust.plan(tmp_path, "certificate", trust.AUTH, hybrid, send, trust.certificate("D" * 40, "CN=EX01", Services="SMTP"),
                      trust.certificate(trust.X, Services="SMTP", **names))


def group(tmp_path, name):
    return after.plan(tmp_path, "security-group", after.entry(after.GROUPS, "organizationalUnit", "security-groups"),
                      after.entry(f"CN=Exchange Servers,OU={name},{after.GROUPS}", "group", "security-groups"),
                      after.entry(after.EXCHANGE, "msExchConfigurationContainer",
                                  otherWellKnownObjects=[f"B:32:EA876A58DB6DD04C9006939818F800EB:CN=Exchange Servers,OU={name},{after.GROUPS}"]))


def account(tmp_path, name):
    return after.plan(tmp_path, "system-account", after.account("SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}", f"OU={name},{after.DOM}", "512"))


def organisation(tmp_path, name):
    return after.plan(tmp_path, "organization-container", after.entry(after.EXCHANGE, "msExchConfigurationContainer"),
                      after.entry(f"CN={name},{after.EXCHANGE}", "msExchOrganizationContainer"))


def system_objects(tmp_path, name):
    return after.plan(tmp_path, "system-objects-container",
                      after.entry(f"CN=Microsoft Exchange System Objects,DC={name},{after.DOM}", "msExchSystemObjectsContainer", "system-objects"))


def connection_point(tmp_path, name):
    return after.plan(tmp_path, "service-connection-point",
                      after.scp(name, after.URL, "https://mail.contoso.com/autodiscover/autodiscover.xml", after.POINTER))


@pytest.mark.parametrize("shift", ["", "x", "xy"])
@pytest.mark.parametrize("case", [credential, credential_of_others, application_of_others, certificate, group, account, organisation,
                                  system_objects, connection_point])
def test_a_question_about_a_long_name(tmp_path, case, shift):
    made = case(tmp_path, shift + LONG)
    asked = [action["approval"] for action in made.actions if action.get("approval")]
    assert made.state == "actions" and asked, made
    assert all(shift + LONG[:20] in text and LONG not in text and "\ufffd" not in text for text in asked), asked


@pytest.mark.parametrize("shift", ["", "x", "xy"])
def test_what_cannot_be_told_of_a_long_name(tmp_path, shift):
    untold = after.entry(f"CN={shift + LONG},CN=Autodiscover,CN=Protocols,{after.ORGANIZATION}", "serviceConnectionPoint", serviceBindingInformation=["x"])
    made = after.plan(tmp_path, "service-connection-point", untold)
    assert made.state == "unknown" and shift + LONG[:20] in made.why and "\ufffd" not in made.why, made


@pytest.mark.parametrize("shift", ["", "x", "xy"])
def test_a_server_of_a_long_name(tmp_path, shift):
    server = trust.obj("ExchangeServer", shift + LONG, IsEdgeServer=False)
    made = after.plan(tmp_path, "system-account", after.SETUPS[0], server)
    assert made.state == "skipped" and shift + LONG[:20] in made.why and "\ufffd" not in made.why, made
