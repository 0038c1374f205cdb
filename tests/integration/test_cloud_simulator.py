# SPDX-License-Identifier: Apache-2.0
"""The cloud simulator answers as the real services are known to: tokens, pages, filters, errors, faults, writes.

Plain Python on the client's side; unhybrid itself is not involved.
"""
import base64
import concurrent.futures
import copy
import email.utils
import http.client
import json
import os
import re
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.dirname(os.path.abspath(__file__))]

from cloud_client import GRAPH, Client, assertion, error_text  # noqa: E402
from fixtures.lab import cloud  # noqa: E402
from fixtures.lab.cloudsim import cmdlets, faults, graph_data, opath, records  # noqa: E402

TENANT = "aaaabbbb-0000-4ccc-8111-dddd2222eeee"
READER, WRITER, OTHER = ("%d" % i * 8 + "-1111-4111-8111-111111111111" for i in (1, 2, 3))
GRAPH_ROLES = ["Organization.Read.All", "Domain.Read.All", "User.Read.All", "Application.Read.All"]
EXO_APP = "00000002-0000-0ff1-ce00-000000000000"
KEYS = [{"key": "MIID", "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "old"},
        {"key": "MIIE", "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "new"}]
NAMES = ["Ada", "Bob", "Élodie", "李雷", "0 Zero", "", "O'Hara", "ada2"]
ORG = {
    "tenant": {"id": TENANT, "initial_domain": "contoso.onmicrosoft.com"},
    "apps": [
        {"client_id": READER, "secret": "s3cret&=", "certificate": "generated", "wids": ["Global Reader"],
         "roles": ["Exchange.ManageAsApp"] + GRAPH_ROLES, "cmdlets_denied": ["Get-JournalRule"],
         "managed_identity": True},
        {"client_id": WRITER, "secret": "write", "wids": ["Exchange Administrator"],
         "roles": ["Exchange.ManageAsApp", "Application.ReadWrite.All", "User-OnPremisesSyncBehavior.ReadWrite.All",
                   "User.Read.All",
                   "Organization.Read.All", "OnPremDirectorySynchronization.Read.All"]},
        {"client_id": OTHER, "secret": "other",
         "federated": {"issuer": "https://issuer.example", "subject": "system:serviceaccount:audit"}}],
    "people": [{"upn": "admin@contoso.com", "wids": ["Global Reader"],
                "scopes": ["Exchange.Manage", "Policy.Read.HybridAuthentication"]}],
    "exchange_online": {
        "AcceptedDomain": [{"Name": "contoso.com", "Default": True},
                           {"Name": "contoso.onmicrosoft.com", "InitialDomain": True}],
        "Mailbox": [{"Name": "mailbox %d" % i, "Alias": alias, "PrimarySmtpAddress": "m%d@contoso.com" % i,
                     "IsDirSynced": i % 2 == 0,
                     "IsExchangeCloudManaged": i == 0} for i, alias in enumerate(NAMES)]
        + [{"Name": "shared", "RecipientTypeDetails": "SharedMailbox",
            "ArchiveGuid": "11111111-0000-4000-8000-000000000001",
            "IsExchangeCloudManaged": "<absent>"}],
        "Mailbox/SoftDeletedMailbox": [{"Name": "gone"}], "Mailbox/InactiveMailboxOnly": [{"Name": "held"}],
        "Mailbox/PublicFolder": [{"Name": "folders", "RecipientTypeDetails": "PublicFolderMailbox"}],
        "DistributionGroup": [{"Name": "group"}], "MailUser": [{"Name": "user"}], "MailContact": [{"Name": "contact"}],
        "OutboundConnector": [{"Name": "plain"}, {"Name": "test", "TestMode": True},
                              {"Name": "rule", "IsTransportRuleScoped": True},
                              {"Name": "both", "TestMode": True, "IsTransportRuleScoped": True}],
        "RemoteDomain": [{"Name": "Default", "DomainName": "*"}]},
    "graph": {
        "users": [{"userPrincipalName": "u%d@contoso.com" % i, "onPremisesSyncEnabled": i % 2 == 0 or None}
                  for i in range(25)]
        + [{"userPrincipalName": "bad@contoso.com",
            "onPremisesProvisioningErrors": [{"category": "PropertyConflict", "value": "x"}]},
           {"userPrincipalName": "worse@contoso.com",
            "serviceProvisioningErrors": [{"serviceInstance": "exchange/x"}]}],
        "domains": [{"id": "contoso.com", "isDefault": True}],
        "servicePrincipals": [{"appId": EXO_APP, "displayName": "Office 365 Exchange Online", "keyCredentials": KEYS,
                               "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a"}],
        "applications": [{"displayName": "ExchangeServerApp-1", "appId": "99999999-1111-4111-8111-111111111111"}],
        "synchronizationJobs": {EXO_APP: [{"templateId": "AAD2ADExchangeHybridWriteback"}]},
        "onPremisesPublishingProfiles": {"provisioning": {"agents": [{"id": "1", "machineName": "SYNC01"}]}}}}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    simulator = cloud.start(run_dir=str(tmp_path_factory.mktemp("cloud")), org=copy.deepcopy(ORG), seed=1)
    yield simulator
    simulator.stop()


@pytest.fixture
def client(running):
    client = Client(running.info)
    client.control("reset", {})
    return client


@pytest.fixture
def writer(client, running):
    return Client(running.info, 1)


def code(answer):
    return answer.json["error_codes"][0]


# ---- tokens -----------------------------------------------------------------------------------------------------


def test_credentials_are_files_that_only_their_owner_reads(running):
    for name in ("secret_file", "certificate"):
        assert stat.S_IMODE(os.stat(running.info["apps"][0][name]).st_mode) == 0o600


def test_secret_gives_a_token_with_the_claims_that_resources_check(client):
    answer = client.secret()
    assert answer.status == 200 and answer.json["token_type"] == "Bearer" and "refresh_token" not in answer.json
    claims = json.loads(base64.urlsafe_b64decode(answer.json["access_token"].split(".")[1] + "=="))
    assert claims["aud"] == "https://outlook.office365.com" and claims["tid"] == TENANT and claims["appid"] == READER
    assert claims["roles"] == ["Exchange.ManageAsApp"] and claims["appidacr"] == "1"
    assert claims["wids"] == ["f2ef992c-3afb-46b9-b7cf-a126ee74c451"] and claims["exp"] - claims["iat"] == 3599


@pytest.mark.parametrize("fields, status, number", [
    ({"client_secret": "wrong"}, 401, 7000215), ({"client_id": "99999999-0000-4000-8000-000000000000"}, 400, 700016),
    ({"tenant": "nobody.onmicrosoft.com"}, 400, 90002), ({"client_secret": ""}, 401, 7000218),
    ({"scope": "https://outlook.office365.com/.default https://graph.microsoft.com/.default"}, 400, 700022),
    ({"scope": "https://outlook.office365.com/Mail.Read"}, 400, 70011),
    ({"scope": "https://other.example/.default"}, 400, 500011),
    ({"grant_type": "password"}, 400, 70003)])
def test_what_the_token_service_refuses_and_how(client, fields, status, number):
    answer = client.secret(**fields)
    assert (answer.status, code(answer)) == (status, number)
    assert answer.json["error_description"].startswith("AADSTS%d: " % number) and answer.json["trace_id"]


def test_states_of_an_app(client):
    for state, number in (({"secret_expired": True}, 7000222),
                          ({"secret_expired": False, "state": "disabled"}, 7000112),
                          ({"state": "missing"}, 700016)):
        client.control("state", {"apps": {READER: state}})
        assert code(client.secret()) == number


def assertion_grant(client, text, **fields):
    return client.form("token", **{
        "client_id": client.app["client_id"], "scope": "https://outlook.office365.com/.default",
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": text,
        **fields})


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
@pytest.mark.parametrize("host", ["own", "login.microsoftonline.com"])
def test_certificate_signs_in(client, algorithm, host):
    root = client.info["url"] if host == "own" else "https://" + host
    text = assertion(client.app["certificate"], READER, "%s/%s/oauth2/v2.0/token" % (root, TENANT), algorithm)
    assert assertion_grant(client, text).status == 200
    assert code(assertion_grant(client, text)) == 50012, "a jti counts once"


@pytest.mark.parametrize("claims, number", [
    ({"exp": int(time.time()) - 900}, 500133), ({"nbf": int(time.time()) + 3600, "exp": int(time.time()) + 7200},
                                                500133),
    ({"aud": "https://elsewhere.example/token"}, 50012), ({"sub": OTHER}, 50012), ({"jti": None}, 50012)])
def test_assertions_that_do_not_hold(client, claims, number):
    text = assertion(client.app["certificate"], READER, "%s/%s/oauth2/v2.0/token" % (client.info["url"], TENANT),
                     **claims)
    assert code(assertion_grant(client, text)) == number


def test_assertion_of_a_foreign_or_tampered_key(client):
    audience = "%s/%s/oauth2/v2.0/token" % (client.info["url"], TENANT)
    text = assertion(client.app["certificate"], READER, audience)
    head, body, signature = text.split(".")
    assert code(assertion_grant(client, "%s.%s.%s" % (head, body, "A" * len(signature)))) == 700027
    text = assertion(client.app["certificate"], OTHER, audience)
    assert code(assertion_grant(client, text, client_id=OTHER)) == 700027


def test_fault_700027_twice_after_rotation(client):
    client.control("faults", [{"match": {"service": "token", "first": 2}, "fault": "aadsts", "args": {"code": 700027}}])
    assert [client.secret().status for _ in range(3)] == [401, 401, 200]


def test_federated_token_is_read_anew(client, running):
    other = Client(running.info, 2)
    with open(other.app["federated_token_file"], encoding="utf-8") as text:
        assert assertion_grant(other, text.read()).status == 200
    stale = client.control("federated", {"client_id": OTHER, "life": -600})["token"]
    assert code(assertion_grant(other, stale)) == 500133


def test_device_code_and_refresh(client):
    client.control("state", {"knobs": {"device_code_polls": -1}})
    scope = "https://outlook.office365.com/.default offline_access"
    start = client.form("devicecode", client_id=READER, scope=scope).json
    poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": READER,
            "device_code": start["device_code"]}
    answer = client.form("token", **poll)
    assert (answer.status, answer.json["error"], code(answer)) == (400, "authorization_pending", 70016)
    assert client.control("device", {"action": "approve", "user_code": start["user_code"]})["done"]
    first = client.form("token", **poll).json
    assert client.invoke("Get-AcceptedDomain", token=first["access_token"]).status == 200
    assert client.form("token", **poll).json["error"] == "bad_verification_code"
    renew = {"grant_type": "refresh_token", "client_id": READER, "scope": scope,
             "refresh_token": first["refresh_token"]}
    second = client.form("token", **renew).json
    assert second["refresh_token"] != first["refresh_token"]
    assert code(client.form("token", **renew)) == 700082, "a rotated refresh token is over"


def test_device_code_declined_and_expired(client):
    client.control("state", {"knobs": {"device_code_polls": -1}})
    for action, lifetime, error in (("decline", 900, "authorization_declined"), (None, -1, "expired_token")):
        client.control("state", {"knobs": {"device_code_lifetime": lifetime}})
        start = client.form("devicecode", client_id=READER, scope="https://graph.microsoft.com/.default").json
        if action:
            client.control("device", {"action": action})
        assert client.form("token", grant_type="urn:ietf:params:oauth:grant-type:device_code", client_id=READER,
                           device_code=start["device_code"]).json["error"] == error


def test_managed_identity_speaks_in_strings(client):
    url = (client.info["imds_url"] + "/metadata/identity/oauth2/token?api-version=2018-02-01"
           "&resource=https://outlook.office365.com")
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Metadata": "true"})) as answer:
        value = json.load(answer)
    assert all(isinstance(value[k], str) for k in ("expires_in", "expires_on", "not_before"))
    assert client.invoke("Get-AcceptedDomain", token=value["access_token"]).status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    assert refused.value.code == 400 and json.load(refused.value)["error"] == "invalid_request"


# ---- who may what -----------------------------------------------------------------------------------------------


def test_resources_refuse_missing_foreign_and_expired_tokens(client):
    for token in ("rubbish", client.token(GRAPH)):
        answer = client.invoke("Get-AcceptedDomain", token=token)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer ")
    client.control("state", {"knobs": {"token_lifetime": 0}})
    assert client.invoke("Get-AcceptedDomain", token=client.secret().json["access_token"]).status == 401
    assert client.graph("GET", "/v1.0/organization",
                        token=client.token()).json["error"]["code"] == "InvalidAuthenticationToken"


def test_ladder_of_permissions(client):
    for roles, wids, status in (([], [], 401), (["Exchange.ManageAsApp"], [], 403),
                                (["Exchange.ManageAsApp"], ["Security Reader"], 403),
                                (["Exchange.ManageAsAppV2"], ["Global Reader"], 403),
                                (["Exchange.ManageAsApp"], ["Global Reader"], 200)):
        client.control("state", {"apps": {READER: {"roles": roles, "wids": wids}}})
        assert client.invoke("Get-Mailbox", token=client.secret().json["access_token"]).status == status, (roles, wids)
    client.control("state", {"apps": {READER: {"roles": ["Exchange.ManageAsApp"], "wids": []}}})
    assert b"isn't supported in this scenario" in client.invoke("Get-Mailbox",
                                                                token=client.secret().json["access_token"]).body


@pytest.mark.parametrize("cmdlet", ["Get-JournalRule", "Get-NoSuchThing", "Get-HybridConfiguration",
                                    "Set-RemoteDomain"])
def test_denied_and_unknown_cmdlets_look_the_same(client, cmdlet):
    answer = client.invoke(cmdlet)
    assert answer.status == 403 and set(answer.body) == {0}


def test_module_file_lists_what_the_caller_may_run(client, writer):
    def listed(who):
        answer = who.send("GET", "/adminapi/v1.0/%s/EXOModuleFile?Version=3.9.2" % TENANT, None,
                          {"Authorization": "Bearer " + who.token(), "CommandName": "*"})
        return set(answer.json["value"][0]["exportedCmdlets"].split(","))
    assert "Get-Mailbox" in listed(client) and not listed(client) & {"Get-JournalRule", "Set-Mailbox"}
    assert "Set-Mailbox" in listed(writer)


def test_module_file_can_redirect(client):
    client.control("state", {"knobs": {"regional_redirect": "eurprd01.outlook.office365.com:446"}})
    answer = client.send("GET", "/AdminApi/v1.0/%s/EXOModuleFile" % TENANT, None,
                         {"Authorization": "Bearer " + client.token()})
    assert answer.status == 302 and answer.headers["Location"].startswith("https://eurprd01.outlook.office365.com:446/")


def test_only_beta_invokes(client):
    assert client.invoke("Get-Mailbox", target="/adminapi/v1.0/%s/InvokeCommand" % TENANT).status == 405
    assert client.invoke("Get-Mailbox", target="/adminapi/beta/other.example/InvokeCommand").status == 404


# ---- Exchange Online: reading -----------------------------------------------------------------------------------


def test_envelope_and_sidecars(client):
    answer = client.invoke("Get-Mailbox", {"Identity": "m0@contoso.com"})
    value = answer.json
    assert value["adminapi.warnings@odata.type"] == "#Collection(String)" and value["@adminapi.warnings"] == []
    row = value["value"][0]
    assert row["Guid@data.type"] == "System.Guid" and row["Guid@odata.type"] == "#Guid"
    assert row["EmailAddresses@odata.type"] == "#Collection(String)"
    assert row["WhenMailboxCreated@data.type"] == "System.DateTime"
    assert re.match(r"^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{7}\+00:00$", row["WhenMailboxCreated"]) and len(row) > 130
    assert "ExternalDirectoryObjectId@data.type" not in row and row["ArchiveGuid"] == records.ZERO
    assert answer.headers["request-id"] and answer.headers["rate-limit-remaining"]


def test_select_tells_only_what_was_asked(client):
    row = client.invoke("Get-Mailbox", {"Identity": "shared"},
                        select="Guid,IsDirSynced,IsExchangeCloudManaged").json["value"][0]
    assert set(row) == {"Guid", "Guid@data.type", "Guid@odata.type",
                        "IsDirSynced"}, "a property that is absent stays absent"


def test_default_result_size_truncates_and_says_so(client):
    client.control("state", {"knobs": {"default_result_size": 4, "page_size": 4}})
    value = client.invoke("Get-Mailbox").json
    assert len(value["value"]) == 4 and "@odata.nextLink" in value
    assert value["@adminapi.warnings"][0].startswith("There are more results available than are currently displayed.")
    value = client.invoke("Get-Mailbox", {"ResultSize": 3}).json
    assert len(value["value"]) == 3 and "@odata.nextLink" not in value and value["@adminapi.warnings"]
    value = client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}).json
    assert "@odata.nextLink" in value and value["@adminapi.warnings"] == []


def test_next_link_is_followed_by_the_same_post(client):
    rows, pages = client.rows("Get-Mailbox", {"ResultSize": "Unlimited"}, "Alias,Guid",
                              {"Prefer": "odata.maxpagesize=4"})
    assert pages == 3 and len({r["Guid"] for r in rows}) == len(rows) == 9


def first_link(client, **arguments):
    return client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, headers={"Prefer": "odata.maxpagesize=4"},
                         **arguments).json["@odata.nextLink"]


def refused_cursor(answer):
    return answer.status == 400 and error_text(answer)[1].startswith("Expired or Invalid pagination request.")


def test_cursor_is_bound_to_backend_body_and_time(client):
    same = {"ResultSize": "Unlimited"}
    link = first_link(client)
    assert client.invoke("Get-Mailbox", same, link).status == 200
    assert client.invoke("Get-Mailbox", same, link).status == 200, "the same page can be fetched again"
    assert refused_cursor(client.invoke("Get-Mailbox", same, link,
                                        headers={"X-AnchorMailbox": "UPN:other@contoso.com"}))
    assert refused_cursor(client.invoke("Get-Mailbox", {"ResultSize": 10}, link))
    answer = client.invoke("Get-Mailbox", same, headers={"Prefer": "odata.maxpagesize=4", "X-AnchorMailbox": None})
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    link = answer.json["@odata.nextLink"]
    assert client.invoke("Get-Mailbox", same, link, headers={"X-AnchorMailbox": None, "Cookie": cookie}).status == 200
    client.control("state", {"knobs": {"cursor_lifetime": 0}})
    assert refused_cursor(client.invoke("Get-Mailbox", same, link, headers={"X-AnchorMailbox": None, "Cookie": cookie}))


def test_vanity_domain_in_the_path_breaks_paging_only(client):
    path = "/adminapi/beta/%s/InvokeCommand"
    answer = client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, path % "contoso.com",
                           headers={"Prefer": "odata.maxpagesize=4"})
    assert answer.status == 200
    assert refused_cursor(client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, answer.json["@odata.nextLink"]))
    assert client.invoke("Get-Mailbox", {}, path % "contoso.onmicrosoft.com").status == 200


PARTITIONS = [("Alias -like 'a*'", {"Ada", "ada2"}), ("Alias -like 'o''*'", {"O'Hara"}),
              ("Alias -ge 'b' -and Alias -lt 'c'", {"Bob"}),
              ("(IsDirSynced -eq 'True') -and -not (Alias -like 'a*')", {"Élodie", "0 Zero", "O'Hara"}),
              ("Alias -eq '李雷' -or Alias -eq \"élodie\"", {"李雷", "Élodie"}),
              ("RecipientTypeDetails -eq 'SharedMailbox'", {"shared"}),
              ("Alias -ne 'bob' -and Alias -notlike '*a*'", {"Élodie", "李雷", "0 Zero"})]


@pytest.mark.parametrize("text, wanted", PARTITIONS)
def test_filters(client, text, wanted):
    rows, _ = client.rows("Get-Mailbox", {"ResultSize": "Unlimited", "Filter": text})
    assert {r["Alias"] for r in rows} - {""} == wanted


def test_partitions_and_their_complement_are_everything_once(client):
    parts = ["Alias -like '%s*'" % c for c in "abcdefghijklmnopqrstuvwxyz0123456789"]
    parts.append("-not (%s)" % " -or ".join(parts))
    seen = [r["Guid"] for p in parts for r in client.rows("Get-Mailbox", {"ResultSize": "Unlimited", "Filter": p})[0]]
    assert len(seen) == len(set(seen)) == 9


def test_what_cannot_be_filtered_on(client):
    answer = client.invoke("Get-Mailbox", {"Filter": "IsExchangeCloudManaged -eq 'True'"})
    assert answer.status == 400 and "is not a recognized filterable property" in error_text(answer)[1]
    for text in ("IsDirSynced -eq $true", "Alias -like", "Alias", "(Alias -eq 'x'", "IsDirSynced -eq 'perhaps'",
                 "Alias -eq 'x' zzz"):
        assert client.invoke("Get-Mailbox", {"Filter": text}).status == 400, text


def test_unknown_parameter_and_bad_value(client):
    answer = client.invoke("Get-Mailbox", {"BogusParameter": 1})
    kind, text = error_text(answer)
    assert answer.status == 400 and kind.endswith("AmbiguousParameterSetException")
    assert text.endswith("specified. BogusParameter")
    assert answer.json["error"]["message"] == "Error executing cmdlet"
    for parameters in ({"RecipientTypeDetails": "Nonsense"}, {"ResultSize": "many"}, {"Archive": "True"}):
        answer = client.invoke("Get-Mailbox", parameters)
        assert "details" not in answer.json["error"]
        assert error_text(answer)[0].endswith("ParameterTransformationException")
    for cmdlet, parameters in (("Get-Mailbox", {"AuditLog": True}), ("Get-OrganizationConfig", {"ResultSize": 1})):
        # Switches of Exchange Server, and a cmdlet without parameters.
        assert error_text(client.invoke(cmdlet, parameters))[0].endswith("AmbiguousParameterSetException")
    assert client.invoke("Get-Mailbox", target=None, headers={"Content-Type": "application/json"}).status == 200


def test_not_found_names_a_domain_controller(client):
    answer = client.invoke("Get-Mailbox", {"Identity": "nobody@contoso.com"})
    kind, text = error_text(answer)
    assert answer.status == 404 and kind.endswith("ManagementObjectNotFoundException") and "PROD.OUTLOOK.COM" in text


def test_switches_of_get_mailbox(client):
    def names(**switches):
        return {r["Name"] for r in client.invoke("Get-Mailbox", switches).json["value"]}
    assert names(SoftDeletedMailbox=True) == {"gone"} and names(InactiveMailboxOnly=True) == {"held"}
    assert names(PublicFolder=True) == {"folders"} and names(Archive=True) == {"shared"}
    assert names(RecipientTypeDetails=["SharedMailbox", "RoomMailbox"]) == {"shared"}
    assert names(IncludeInactiveMailbox=True) == names() | {"held"} and "folders" not in names()


def test_recipients_are_all_nouns(client):
    rows, _ = client.rows("Get-Recipient", {"ResultSize": "Unlimited",
                                            "Filter": "RecipientTypeDetails -ne 'UserMailbox'"})
    assert {r["Name"] for r in rows} == {"shared", "group", "user", "contact"}
    assert all("IsExchangeCloudManaged" not in r for r in rows)


def test_four_listings_of_outbound_connectors(client):
    def names(**parameters):
        return {r["Name"] for r in client.invoke("Get-OutboundConnector", parameters).json["value"]}
    assert names() == {"plain"} and names(IncludeTestModeConnectors=True) == {"test"}
    assert names(IsTransportRuleScoped=True) == {"rule"}
    assert names(IncludeTestModeConnectors=True, IsTransportRuleScoped=True) == {"both"}


def test_every_get_cmdlet_answers(client):
    client.control("state", {"apps": {READER: {"cmdlets_denied": []}}})
    for cmdlet in sorted(c for c in cmdlets.TABLE if c.startswith("Get-")):
        answer = client.invoke(cmdlet)
        assert answer.status == 200 and isinstance(answer.json["value"], list), cmdlet


def batch(client, parts, token=None):
    return client.send("POST", "/adminapi/beta/%s/$batch" % TENANT, json.dumps({"requests": parts}),
                       {"Authorization": "Bearer " + (token or client.token()), "Content-Type": "application/json"})


def part(client, identity, cmdlet, **parameters):
    return {"id": identity, "method": "POST", "url": "%s/adminapi/beta/%s/InvokeCommand?"
            % (client.info["url"], TENANT), "headers": {},
            "body": {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}}


def test_batch_of_ten_in_any_order_with_null_targets(client):
    parts = [part(client, str(i), "Get-Mailbox", Identity="m0@contoso.com" if i else "nobody") for i in range(10)]
    answers = {a["id"]: a for a in batch(client, parts).json["responses"]}
    assert len(answers) == 10 and answers["1"]["status"] == 200
    assert answers["1"]["headers"]["Cmdlet-Name"] == "Get-Mailbox"
    assert answers["0"]["status"] == 404 and answers["0"]["body"]["error"]["details"][0]["target"] is None
    assert [a["id"] for a in batch(client, parts).json["responses"]] != [str(i) for i in range(10)]
    assert batch(client, parts + [part(client, "11", "Get-Mailbox")]).status == 400
    client.control("faults", [{"match": {"cmdlet": "$batch"}, "fault": "batch_missing", "args": {"count": 2}}])
    assert len(batch(client, parts).json["responses"]) == 8


# ---- Exchange Online: writing -----------------------------------------------------------------------------------


def test_removal_asks_first_and_then_does_it(client, writer):
    value = writer.invoke("Remove-OutboundConnector", {"Identity": "plain"}).json
    assert value["@adminapi.confirmationmessage"] and value["value"] == []
    assert len(client.invoke("Get-OutboundConnector").json["value"]) == 1
    answer = writer.invoke("Remove-OutboundConnector", {"Identity": "plain", "Confirm": False})
    assert answer.status in (200, 204) and client.invoke("Get-OutboundConnector").json["value"] == []
    assert writer.invoke("Remove-OutboundConnector", {"Identity": "plain", "Confirm": False}).status == 404
    log = client.control("log?writes=1")
    assert [(e["cmdlet"], e["executed"]) for e in log] == [("Remove-OutboundConnector", x)
                                                           for x in (False, True, False)]


def test_set_new_and_add_remove_of_values(writer):
    created = writer.invoke("New-InboundConnector", {"Name": "in", "SenderDomains": ["*"],
                                                     "ConnectorType": "OnPremises"}).json["value"][0]
    writer.invoke("Set-InboundConnector", {"Identity": created["Guid"], "Enabled": False, "SenderDomains": {
        "Add": ["a.example"], "Remove": ["*"], "@odata.type": "#Exchange.GenericHashTable"}})
    row = writer.invoke("Get-InboundConnector", {"Identity": "in"}).json["value"][0]
    assert row["Enabled"] is False and row["SenderDomains"] == ["a.example"] and row["Guid"] == created["Guid"]
    again = writer.invoke("New-InboundConnector", {"Name": "in", "SenderDomains": ["*"]})
    assert error_text(again)[0].endswith("AlreadyExistsException")


def test_what_if_changes_nothing(writer, client):
    writer.invoke("Remove-RemoteDomain", {"Identity": "Default", "WhatIf": True, "Confirm": False})
    assert len(client.invoke("Get-RemoteDomain").json["value"]) == 1
    assert client.control("counters")["writes_executed"] == 0


def test_source_of_authority_can_be_set_on_synced_mailboxes_alone(writer, client):
    def managed(identity):
        return client.invoke("Get-Mailbox", {"Identity": identity}).json["value"][0]["IsExchangeCloudManaged"]
    assert writer.invoke("Set-Mailbox", {"Identity": "m2@contoso.com",
                                         "CustomAttribute1": "x"}).status == 400, "mastered on-premises"
    assert writer.invoke("Set-Mailbox", {"Identity": "m2@contoso.com", "IsExchangeCloudManaged": True,
                                         "Alias": "x"}).status == 400
    assert writer.invoke("Set-Mailbox", {"Identity": "m1@contoso.com", "IsExchangeCloudManaged": True}).status == 400
    client.control("state", {"knobs": {"silent_noop_soa": True}})
    assert writer.invoke("Set-Mailbox", {"Identity": "m2@contoso.com",
                                         "IsExchangeCloudManaged": True}).status in (200, 204)
    assert managed("m2@contoso.com") is False
    client.control("state", {"knobs": {"silent_noop_soa": False}})
    writer.invoke("Set-Mailbox", {"Identity": "m2@contoso.com", "IsExchangeCloudManaged": True})
    assert managed("m2@contoso.com") is True
    assert writer.invoke("Set-Mailbox", {"Identity": "m2@contoso.com", "CustomAttribute1": "x"}).status in (200, 204)


def test_other_domain_controllers_lag(writer, client):
    client.control("state", {"knobs": {"replication_lag": 0.5}})
    writer.invoke("New-RemoteDomain", {"Name": "late", "DomainName": "late.example"})
    seen = {client.invoke("Get-RemoteDomain", {"Identity": "late"}).status for _ in range(30)}
    assert seen == {200, 404}
    end, row = time.monotonic() + 5, 0
    while row < 10:  # ten answers in a row: every domain controller has it
        row = row + 1 if client.invoke("Get-RemoteDomain", {"Identity": "late"}).status == 200 else 0
        assert time.monotonic() < end


def test_dehydrated_organisation_refuses_until_customised(writer, client):
    client.control("state", {"edit": {"OrganizationConfig": {"contoso.onmicrosoft.com": {"IsDehydrated": True}}}})
    answer = writer.invoke("Set-RemoteDomain", {"Identity": "Default", "NDREnabled": False})
    assert answer.status == 400 and error_text(answer)[0].endswith("InvalidOperationInDehydratedContextException")
    assert writer.invoke("Enable-OrganizationCustomization").status == 200
    assert writer.invoke("Set-RemoteDomain", {"Identity": "Default", "NDREnabled": False}).status in (200, 204)
    assert "not required" in error_text(writer.invoke("Enable-OrganizationCustomization"))[1]


# ---- Graph ------------------------------------------------------------------------------------------------------


def graph_rows(client, target, headers=None):
    rows, pages = [], 0
    while target:
        answer = client.graph("GET", target, headers=headers)
        assert answer.status == 200, answer.body
        rows += answer.json["value"]
        target = answer.json.get("@odata.nextLink")
        pages += 1
    return rows, pages


def test_organization_and_domains(client):
    answer = client.graph("GET", "/v1.0/organization?$select=id,displayName,verifiedDomains,onPremisesSyncEnabled")
    row = answer.json["value"][0]
    assert row["id"] == TENANT and row["onPremisesSyncEnabled"] is None
    assert client.graph("GET", "/v1.0/domains").json["value"][0]["authenticationType"] == "Managed"


def test_synchronization_settings_need_a_role_that_most_apps_lack(client, writer):
    answer = client.graph("GET", "/v1.0/directory/onPremisesSynchronization")
    assert answer.status == 403 and answer.json["error"]["code"] == "Authorization_RequestDenied"
    assert len(writer.graph("GET", "/v1.0/directory/onPremisesSynchronization").json["value"][0]["features"]) == 20


def test_graph_pages_even_empty_ones(client):
    client.control("state", {"knobs": {"graph_page_size": 10, "graph_empty_pages": True}})
    rows, pages = graph_rows(client, "/v1.0/users?$select=id")
    assert len({r["id"] for r in rows}) == 27 and pages == 5
    assert graph_rows(client, "/v1.0/users?$select=id&$top=9")[1] == 5
    assert client.graph("GET", "/v1.0/users?$top=1000").status == 400


def test_users_tell_synchronisation_only_when_asked(client):
    row = client.graph("GET", "/v1.0/users/u0@contoso.com").json
    assert not any(k.startswith("onPremises") for k in row)
    answer = client.graph("GET", "/v1.0/users/u0@contoso.com?$select=onPremisesSyncEnabled")
    assert answer.json["onPremisesSyncEnabled"] is True
    assert client.graph("GET", "/v1.0/users?$select=isExchangeCloudManaged").status == 400


@pytest.mark.parametrize("text, wanted", [
    ("onPremisesProvisioningErrors/any()", {"bad@contoso.com"}),
    ("serviceProvisioningErrors/any()", {"worse@contoso.com"}),
    ("onPremisesProvisioningErrors/any(e:e/category eq 'PropertyConflict')", {"bad@contoso.com"}),
    ("onPremisesProvisioningErrors/any() or serviceProvisioningErrors/any(p:startswith(p/serviceInstance,'exchange'))",
     {"bad@contoso.com", "worse@contoso.com"}),
    ("userPrincipalName in ('u1@contoso.com','U2@contoso.com')", {"u1@contoso.com", "u2@contoso.com"})])
def test_graph_filters(client, text, wanted):
    rows, _ = graph_rows(client, "/v1.0/users?$select=userPrincipalName&$filter=" + text)
    assert {r["userPrincipalName"] for r in rows} == wanted


def test_advanced_queries_want_consistency_and_count_on_each_page(client):
    client.control("state", {"knobs": {"graph_page_size": 10}})
    target = "/v1.0/users?$select=id&$filter=onPremisesSyncEnabled ne true"
    eventual = {"ConsistencyLevel": "eventual"}
    assert client.graph("GET", target).json["error"]["code"] == "Request_UnsupportedQuery"
    assert client.graph("GET", target, headers=eventual).status == 400
    answer = client.graph("GET", target + "&$count=true", headers=eventual).json
    assert answer["@odata.count"] == 14
    assert client.graph("GET", answer["@odata.nextLink"]).status == 400
    assert "@odata.count" not in client.graph("GET", answer["@odata.nextLink"], headers=eventual).json


def test_key_bytes_are_told_for_one_object_asked_by_name(client):
    alternate = "/v1.0/servicePrincipals(appId='%s')" % EXO_APP
    listed = client.graph("GET", "/v1.0/servicePrincipals?$filter=appId eq '%s'&$select=id,keyCredentials"
                          % EXO_APP).json["value"][0]
    assert [k["key"] for k in listed["keyCredentials"]] == [None, None]
    assert [k["key"] for k in client.graph("GET", alternate).json["keyCredentials"]] == [None, None]
    single = client.graph("GET", "/v1.0/servicePrincipals/%s?$select=keyCredentials" % listed["id"]).json
    assert [k["key"] for k in single["keyCredentials"]] == ["MIID", "MIIE"]
    assert single["keyCredentials"][0]["displayName"] == "old"


def test_patch_of_keys_replaces_and_takes_survivors_bare(writer):
    target = "/v1.0/servicePrincipals(appId='%s')" % EXO_APP
    bare = {"key": "MIIE", "type": "AsymmetricX509Cert", "usage": "Verify"}
    for entry, name in (({**bare, "displayName": "new"}, "KeyNotUpdatable"),
                        ({**bare, "key": None}, "Request_BadRequest")):
        assert writer.graph("PATCH", target, {"keyCredentials": [entry]}).json["error"]["code"] == name
    assert writer.graph("PATCH", target, {"keyCredentials": [bare]}).status == 204
    left = writer.graph("GET", target + "?$select=keyCredentials").json["keyCredentials"]
    assert [(k["key"], k["displayName"]) for k in left] == [("MIIE", "new")]
    assert writer.graph("PATCH", target, {"keyCredentials": []}).status == 204
    assert [e["executed"] for e in writer.control("log?writes=1")] == [False, False, True, True]


def test_a_reader_may_not_patch(client, writer):
    target = "/v1.0/servicePrincipals(appId='%s')" % EXO_APP
    assert client.graph("PATCH", target, {"keyCredentials": []}).status == 403
    client.control("state", {"knobs": {"first_party_patch": "deny"}})
    assert writer.graph("PATCH", target, {"keyCredentials": []}).status == 403


def test_soft_delete_restore_and_purge(writer):
    identity = writer.graph("GET",
                            "/v1.0/applications?$filter=displayName eq 'ExchangeServerApp-1'").json["value"][0]["id"]
    assert writer.graph("DELETE", "/v1.0/applications/" + identity).status == 204
    assert writer.graph("GET", "/v1.0/applications/" + identity).json["error"]["code"] == "Request_ResourceNotFound"
    items = "/v1.0/directory/deletedItems/"
    assert [r["id"] for r in writer.graph("GET", items + "microsoft.graph.application").json["value"]] == [identity]
    assert writer.graph("POST", items + identity + "/restore").status == 200
    assert writer.graph("GET", "/v1.0/applications/" + identity).status == 200
    writer.graph("DELETE", "/v1.0/applications/" + identity)
    assert writer.graph("DELETE", items
                        + identity).status == 204 and writer.graph("GET", items + identity).status == 404


def test_sync_behavior_jobs_and_delegated_profiles(client, writer):
    user = "/v1.0/users/u0@contoso.com/onPremisesSyncBehavior"
    assert writer.graph("PATCH", user, {"isCloudManaged": True}).status == 204
    assert writer.graph("GET", user).json["isCloudManaged"] is True
    client.control("state", {"apps": {READER: {"roles": ["Synchronization.Read.All"]}}})
    token = client.secret(GRAPH).json["access_token"]
    job = client.graph("GET", "/v1.0/servicePrincipals(appId='%s')/synchronization/jobs" % EXO_APP,
                       token=token).json["value"][0]
    assert job["templateId"] == "AAD2ADExchangeHybridWriteback" and job["status"]["code"] == "Active"
    jobs = "/v1.0/servicePrincipals(appId='%s')/synchronization/jobs/" % EXO_APP
    rule = client.graph("GET", jobs + job["id"] + "/schema", token=token).json["synchronizationRules"][0]
    assert "mail" in {m["targetAttributeName"] for o in rule["objectMappings"] for m in o["attributeMappings"]}
    assert client.graph("GET", jobs + "other/schema", token=token).status == 404
    # Who reads may not pause; who may, changes what the next read shows.
    assert client.graph("POST", jobs + job["id"] + "/pause", token=token).status == 403
    client.control("state", {"apps": {READER: {"roles": ["Synchronization.ReadWrite.All"]}}})
    writing = client.secret(GRAPH).json["access_token"]
    for verb, state in (("pause", "Paused"), ("start", "Active")):
        assert client.graph("POST", jobs + job["id"] + "/" + verb, token=writing).status == 204
        assert client.graph("GET", jobs + job["id"], token=token).json["status"]["code"] == state
    agents = "/beta/onPremisesPublishingProfiles/provisioning/agents"
    assert client.graph("GET", agents, token=token).status == 403
    client.control("state", {"knobs": {"device_code_polls": 0}})
    code_ = client.form("devicecode", client_id=READER, scope=GRAPH).json["device_code"]
    token = client.form("token", grant_type="urn:ietf:params:oauth:grant-type:device_code", client_id=READER,
                        device_code=code_).json
    assert client.graph("GET", agents, token=token["access_token"]).json["value"][0]["machineName"] == "SYNC01"


def test_graph_batch(client):
    parts = [{"id": "1", "method": "GET", "url": "/organization"}, {"id": "2", "method": "GET", "url": "/users/nobody"},
             {"id": "3", "method": "GET", "url": "/domains", "dependsOn": ["2"]},
             {"id": "4", "method": "GET", "url": "/domains"}]
    client.control("faults", [{"match": {"inner": True, "path": "/domains"}, "fault": "throttle",
                               "args": {"seconds": 3}}])
    answers = {a["id"]: a for a in client.graph("POST", "/v1.0/$batch", {"requests": parts}).json["responses"]}
    assert {i: a["status"] for i, a in answers.items()} == {"1": 200, "2": 404, "3": 424, "4": 429}
    assert answers["4"]["headers"]["Retry-After"] == "3"
    many = [{"id": str(i), "method": "GET", "url": "/domains"} for i in range(21)]
    assert client.graph("POST", "/v1.0/$batch", {"requests": many}).status == 400
    assert client.graph("POST", "/v1.0/$batch", {"requests": [parts[0], parts[0]]}).status == 400


def test_graph_errors_carry_ids(client):
    answer = client.graph("GET", "/v1.0/users/nobody", headers={"client-request-id": "abc"})
    inner = answer.json["error"]["innerError"]
    assert inner["client-request-id"] == "abc" == answer.headers["client-request-id"] and inner["request-id"]
    assert "for the segment 'nonsense'" in client.graph("GET", "/v1.0/nonsense").json["error"]["message"]


def csdl_properties():
    folder = os.environ.get("UNHYBRID_SHARED_DATA", "")
    path = os.path.join(folder, "graph", "v1.0-Prod.csdl")
    if not folder or not os.path.exists(path):
        pytest.skip("UNHYBRID_SHARED_DATA holds no graph/v1.0-Prod.csdl")
    with open(path, encoding="utf-8") as text:
        schema = text.read()
    types = {}
    kinds = "(?:EntityType|ComplexType)"
    pattern = r'<%s Name="(\w+)"([^>]*)(?<!/)>(.*?)</%s>' % (kinds, kinds)
    for name, attributes, body in re.findall(pattern, schema, re.S):
        base = re.search(r'BaseType="(?:microsoft\.)?graph\.(\w+)"', attributes)
        types.setdefault(name, (base.group(1) if base else None, re.findall(r'<Property Name="(\w+)"', body)))
    types.setdefault("entity", (None, ["id"]))

    def all_of(name):
        base, own = types[name]
        return set(own) | (all_of(base) if base else set())
    return all_of


def test_graph_properties_exist_in_the_published_metadata(client, writer):
    properties = csdl_properties()
    for kind, (type_, names, defaults) in graph_data.TYPES.items():
        assert set(names) <= properties(type_), kind
        assert set(defaults or []) <= set(names)
    for type_, names in graph_data.COMPLEX.values():
        assert set(names) <= properties(type_), type_
    assert set(graph_data.FEATURES) == properties("onPremisesDirectorySynchronizationFeature")
    value = writer.graph("GET", "/v1.0/directory/onPremisesSynchronization").json["value"][0]
    assert set(value) <= properties("onPremisesDirectorySynchronization")
    job = graph_data.job({}, {"id": TENANT})
    assert set(job) <= properties("synchronizationJob") and set(job["status"]) <= properties("synchronizationStatus")
    assert set(job["schedule"]) <= properties("synchronizationSchedule")
    for row in writer.graph("GET", "/v1.0/servicePrincipals").json["value"]:
        assert set(row) <= properties("servicePrincipal")


# ---- faults -----------------------------------------------------------------------------------------------------


def arm(client, kind, match=None, **arguments):
    client.control("faults", [{"match": match or {"cmdlet": "Get-Mailbox", "nth": 1}, "fault": kind,
                               "args": arguments}])


@pytest.mark.parametrize("form, seconds, looks", [("integer", 2, r"^2$"), ("fraction", 2.128, r"^2\.128$"),
                                                  ("date", 2, r"GMT$"), ("none", 1, None)])
def test_throttling_in_all_forms(client, form, seconds, looks):
    arm(client, "throttle", seconds=seconds, form=form)
    answer = client.invoke("Get-Mailbox")
    value = answer.headers["Retry-After"]
    assert answer.status == 429 and (value is None if looks is None else re.search(looks, value))
    if form == "date":
        assert 0 < email.utils.parsedate_to_datetime(value).timestamp() - time.time() <= 3
    assert client.invoke("Get-Mailbox").status == 200
    assert client.control("counters")["retry_after_violations"] == (0 if form == "none" else 1), "came back at once"


def test_waiting_long_enough_is_no_violation(client):
    arm(client, "throttle", seconds=0.1)
    client.invoke("Get-Mailbox")
    assert client.invoke("Get-AcceptedDomain").status == 200, "other requests need not wait"
    end = time.monotonic() + 0.15
    while time.monotonic() < end:
        client.control("counters")
    client.invoke("Get-Mailbox")
    assert client.control("counters")["retry_after_violations"] == 0


def test_faults_that_answer_with_an_error(client):
    def once(kind, **arguments):
        client.control("faults", method="DELETE")
        arm(client, kind, **arguments)
        return client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"})
    assert once("unavailable").status == 503
    answer = once("transient_400", type="ServerBusyException")
    assert answer.status == 400 and error_text(answer)[0].endswith("ServerBusyException")
    answer = once("concurrency", status=500)
    assert answer.status == 500
    assert answer.body.startswith(b"You have reached the maximum number of concurrent requests per tenant")
    assert set(once("forbidden").body) == {0} and b"<html>" in once("forbidden", body="html").body
    assert once("dehydrated").status == 400 and "couldn't be found on" in error_text(once("not_found"))[1]
    assert "@adminapi.confirmationmessage" in once("confirmation").json and once("confirmation").json["value"] == []
    answer = once("redirect")
    assert answer.status == 302 and answer.headers["Location"].startswith("https://127.0.0.1:446/")
    assert once("redirect", host="evil.example",
                port=443).headers["Location"].startswith("https://evil.example:443/adminapi")
    assert once("status", status=502, body="x").status == 502
    message = once("exception", type="A.B", message="text", style="json").json["error"]["details"][0]["message"]
    assert json.loads(message)["ClassName"] == "A.B"
    assert once("exception", style="noid").json["error"]["details"][0]["message"].startswith("|")


def test_faults_in_a_body(client):
    def once(kind, **arguments):
        client.control("faults", method="DELETE")
        arm(client, kind, **arguments)
        return client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"})
    assert once("adminapi_errors",
                rows=False).json["@adminapi.errors"] and "@odata.nextLink" not in once("truncate", nextlink=False).json
    value = once("truncate", rows=2, warning=True).json
    assert len(value["value"]) == 2 and value["@odata.nextLink"] and value["@adminapi.warnings"]
    value = once("empty_page").json
    assert value["value"] == [] and len(client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"},
                                                      value["@odata.nextLink"]).json["value"]) == 9
    assert "IsExchangeCloudManaged" not in once("missing_property", row=2).json["value"][2]
    assert once("null_property", property="IsDirSynced",
                identity="m2@contoso.com").json["value"][2]["IsDirSynced"] is None
    assert len(once("huge", bytes=3000000).body) > 3000000 and isinstance(once("wrong_type").json["value"][0]["Guid"],
                                                                          dict)
    assert once("warning").json["@adminapi.warnings"] and once("content_type").headers["Content-Type"] == "text/html"
    rows = [r["Guid"] for r in once("duplicate").json["value"]]
    assert len(rows) == 10 and len(set(rows)) == 9
    assert once("foreign_link").json["@odata.nextLink"].startswith("https://evil.example/")
    assert "InvokeCommand" in once("loop_link").json["@odata.nextLink"]
    for mode in ("cut", "garbage", "trailing", "html"):
        with pytest.raises(ValueError):
            once("invalid_json", mode=mode).json
    answer = once("gzip_mismatch")
    assert answer.headers["Content-Encoding"] == "gzip" and answer.body.startswith(b"{")
    answer = once("gzip_mismatch", mode="body")
    assert answer.headers["Content-Encoding"] is None and answer.body.startswith(b"\x1f\x8b")


def test_faults_of_the_connection(client):
    arm(client, "cut", fraction=0.5)
    with pytest.raises(http.client.IncompleteRead):
        client.invoke("Get-Mailbox")
    client.control("faults", method="DELETE")
    arm(client, "reset")
    with pytest.raises(OSError):
        client.invoke("Get-Mailbox")
    client.control("faults", method="DELETE")
    for kind in ("slow", "delay"):
        arm(client, kind, {"cmdlet": "Get-Mailbox"}, seconds=0.3)
        start = time.monotonic()
        assert client.invoke("Get-Mailbox").status == 200 and time.monotonic() - start >= 0.25


def test_token_is_over_in_the_middle_of_a_listing(client):
    link = first_link(client)
    arm(client, "unauthorized", {"page": "next", "nth": 1})
    answer = client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, link)
    assert answer.status == 401 and "invalid_token" in answer.headers["WWW-Authenticate"]
    assert client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, link).status == 401, "the old token stays refused"
    client.tokens.clear()
    assert client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, link).status == 200


def test_when_a_fault_fires(client):
    def fired(**match):
        client.control("faults", method="DELETE")
        arm(client, "unavailable", {"cmdlet": "get-mail*", **match})
        return [i for i in range(1, 7) if client.invoke("Get-Mailbox").status == 503]
    assert fired(nth=3) == [3] and fired(nth=[1, 4]) == [1, 4] and fired(every=2) == [2, 4, 6]
    assert fired(first=2) == [1, 2] and fired(after=4) == [5, 6] and fired(parameters={"Filter": "x"}) == []
    assert fired(probability=0.0) == [] and fired(probability=1.0) == [1, 2, 3, 4, 5, 6]
    client.control("faults", method="DELETE")
    client.control("faults", [{"match": {"cmdlet": "Get-Mailbox"}, "fault": "unavailable", "times": 2}])
    assert [client.invoke("Get-Mailbox").status for _ in range(3)] == [503, 503, 200]
    assert client.send("POST", "/_control/faults", json.dumps([{"fault": "no such"}])).status == 400


def test_seeded_plan_is_the_same_each_time(client):
    def run(seed):
        client.control("reset", {})
        client.control("faults", {"seed": seed, "rate": 0.5, "requests": 60,
                                  "kinds": ["unavailable", "concurrency", "warning"]})
        statuses = [client.invoke(c, {"ResultSize": n}).status for c in ("Get-Mailbox", "Get-Recipient")
                    for n in (1, 2, 3, 4) for _ in range(5)]
        return statuses, [d["kind"] for d in client.control("faults")["seeded"]["drawn"]]
    first = run(7)
    assert first == run(7) != run(8) and set(first[0]) >= {200, 503}
    assert first[0][4::5] == [200] * 8, "patience: the same request is not refused for ever"


def test_every_kind_of_fault_can_be_armed(client):
    kinds = client.control("kinds")
    assert set(kinds) == set(faults.KINDS)
    for kind in kinds:
        implemented = [n for n in ("before_" + kind, "after_" + kind) if hasattr(faults.Faults, n)]
        assert implemented or kind in ("truncate", "empty_page"), kind


# ---- as a whole -------------------------------------------------------------------------------------------------


def test_gzip_only_where_it_is_accepted(client):
    answer = client.invoke("Get-Mailbox", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and answer.body.startswith(b"\x1f\x8b")
    assert client.invoke("Get-Mailbox").headers["Content-Encoding"] is None


def test_sixteen_connections_at_once(client, running):
    def drain(_):
        own = Client(running.info)
        own.tokens = client.tokens
        return [own.invoke("Get-Mailbox").status for _ in range(10)]
    client.token()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(s == 200 for statuses in pool.map(drain, range(16)) for s in statuses)
    assert client.control("counters")["requests:exchange"] == 160


def test_log_holds_no_secret(client):
    client.secret(client_secret="hunter2-in-the-log")
    assistance = json.dumps(client.control("log"))
    assert "hunter2" not in assistance and client.token()[:40] not in assistance


def test_generated_recipients_partition_without_loss(tmp_path):
    running = cloud.start(run_dir=str(tmp_path), generate={"mailboxes": 42500, "others": 1500})
    try:
        client = Client(running.info)
        whole, pages = client.rows("Get-Mailbox", {"ResultSize": "Unlimited"}, "Guid,Alias,IsExchangeCloudManaged")
        assert len({r["Guid"] for r in whole}) == 42500 and pages == 43 and whole[0]["Alias"] == "a0000000"
        assert sum(not r["IsExchangeCloudManaged"] for r in whole) == 43
        parts = ["Alias -like '%s*'" % c for c in "abcdefghijklmnopqrstuvwxyz0123456789"]
        parts.append("-not (%s)" % " -or ".join(parts))
        seen, requests = [], 0
        for text in parts:
            rows, pages = client.rows("Get-Mailbox", {"ResultSize": "Unlimited", "Filter": text}, "Guid")
            seen += [r["Guid"] for r in rows]
            requests += pages
        assert sorted(seen) == sorted(r["Guid"] for r in whole) and requests <= 43 + 37
        rows, _ = client.rows("Get-Mailbox", {"ResultSize": "Unlimited", "Filter": "Alias -like 'a00000*'"}, "Alias")
        assert [r["Alias"] for r in rows] == ["a%07d" % i for i in range(100)]
        rows, _ = client.rows("Get-Recipient", {"ResultSize": "Unlimited", "Filter": "RecipientTypeDetails -ne "
                                                                                     "'UserMailbox' -and "
                                                "RecipientTypeDetails -ne 'SharedMailbox' -and RecipientTypeDetails "
                                                "-ne 'RoomMailbox' "
                                                "-and RecipientTypeDetails -ne 'EquipmentMailbox'"}, "Guid")
        assert len(rows) == 1500
        replay = client.send("GET", "/_control/replay?cmdlet=Get-Recipient").body
        assert replay.count(b"url = ") == 2
        row = client.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}).json["value"][0]
        assert len([k for k in row if "@" not in k]) > 100
    finally:
        running.stop()


def test_filters_of_blocks_agree_with_filters_of_records():
    aliases = ["b%04d%03d" % (b, p) for b in (0, 1, 12) for p in (0, 1, 500, 999)]
    for text in ("Alias -like 'b0001*'", "Alias -like 'b*'", "Alias -gt 'b0001000'", "Alias -le 'b0001500'",
                 "Alias -eq 'b0012999'",
                 "-not(Alias -like 'b00120*' -or Alias -lt 'b0001')",
                 "Alias -notlike 'b0012*' -and Alias -ne 'b0000000'", "Alias -like '*1'"):
        tree = opath.parse(text)
        for block in (0, 1, 12):
            mine = [a for a in aliases if a.startswith("b%04d" % block)]
            answer = tree.decide(lambda name, m=mine: (m[0], m[-1]))
            assert answer is None or {tree.matches({"Alias": a}) for a in mine} == {answer}, (text, block)


def test_as_a_program(tmp_path):
    org = tmp_path / "org"
    org.mkdir()
    (org / "cloud.yaml").write_text(yaml.safe_dump(ORG, allow_unicode=True))
    (tmp_path / "faults.yaml").write_text(yaml.safe_dump([{"match": {"service": "token", "nth": 1},
                                                           "fault": "unavailable"}]))
    run = tmp_path / "run"
    child = subprocess.Popen([sys.executable, os.path.join(ROOT, "fixtures", "lab", "cloud.py"), "--org", str(org),
                              "--run-dir", str(run),
                              "--faults", str(tmp_path / "faults.yaml")], stdout=subprocess.PIPE, cwd=str(tmp_path))
    try:
        assert json.loads(child.stdout.readline())["url"].startswith("https://127.0.0.1:")
        info = json.loads((run / "cloud.json").read_text())
        client = Client(info)
        assert client.secret().status == 503 and client.secret().status == 200
        assert client.invoke("Get-AcceptedDomain").status == 200
    finally:
        child.terminate()
        assert child.wait(10) == 0
        child.stdout.close()
    assert not (run / "cloud.json").exists()
