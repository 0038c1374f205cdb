# SPDX-License-Identifier: Apache-2.0
"""The simulated Exchange Server does what a real one does, seen by a client that shares nothing with it or with unhybrid."""
import base64
import contextlib
import json
import threading
import urllib.request

import pytest

from exchange_client import CTRL_C, Connection, Fault, Refused, Session, command
from fixtures.lab import process
from fixtures.lab.exchangesim.shells import QUEUE_BYTES, Outbox
from fixtures.lab.lab import ACCOUNTS, Lab

FULL = "?serializationLevel=Full"
WAIT_SECONDS = 30


class Server:
    """A lab of its own, because writing cmdlets change the directory."""

    def __init__(self, lab):
        self.lab, self.info = lab, lab.state["exchange"]["info"]

    def connect(self, who="audit", scheme="Kerberos", tls=False, query="", **more):
        name = f"{ACCOUNTS[who][0]}@{self.lab.state['kdc']['realm']}"
        return Connection(self.info["tls_url" if tls else "url"] + query, name, self.lab.state["passwords"][who], scheme,
                          self.lab.path("exchange", "ca.pem"), krb5_config=self.lab.krb5_environment()["KRB5_CONFIG"], **more)

    @contextlib.contextmanager
    def session(self, who="audit", query="", **more):
        with self.connect(who, query=query) as connection, Session(connection, **more) as session:
            yield session

    def control(self, name, body=None, method=None):
        request = urllib.request.Request(self.info["control"] + name, None if body is None else json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def log(self, **wanted):
        return self.control("log?" + "&".join(f"{name}={value}" for name, value in wanted.items()))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("contoso", str(tmp_path_factory.mktemp("exchange") / "contoso"))
    lab.up(("directory",), exchange="kerberos")
    yield Server(lab)
    lab.down()


@pytest.fixture
def server(running):
    running.control("reset", {})
    running.control("log", method="DELETE")
    return running


# ---- signing in, and what can be read on the wire

@pytest.mark.parametrize("scheme, tls", [("Kerberos", False), ("Negotiate", False), ("Kerberos", True), ("Negotiate", True), ("Basic", True)])
def test_every_way_in(server, scheme, tls):
    """The same eight domains by every scheme; over http nothing of them can be read on the wire."""
    with server.connect(scheme=scheme, tls=tls) as connection, Session(connection) as session:
        result = session.run("Get-AcceptedDomain")
        assert len(result.output) == 8 and result.state == 4 and not result.errors
        assert (b"RunspacePool" in connection.wire or b"rsp:Stream" in connection.wire) is tls
        assert (b"-- Encrypted Boundary" in connection.wire) is not tls
    assert [entry["scheme"] for entry in server.log(kind="signed-in")] == ([] if scheme == "Basic" else [scheme.lower()])


def test_unsealed_over_http_is_refused(server):
    with server.connect(seal=False) as connection, pytest.raises(Refused) as refused:
        Session(connection)
    assert refused.value.status == 400
    assert server.log(kind="request") == []


def test_basic_over_http_is_refused(server):
    with server.connect(scheme="Basic") as connection, pytest.raises(Refused) as refused:
        Session(connection)
    assert refused.value.status == 401
    assert ("WWW-Authenticate", "Kerberos") in refused.value.headers


def test_channel_binding_is_checked(server):
    """Kerberos without it is refused over https, and accepted where the server's administrator has switched it off."""
    with server.connect(tls=True, bind=False) as connection, pytest.raises(Refused):
        Session(connection)
    server.control("knobs", {"extended_protection": False})
    with server.connect(tls=True, bind=False) as connection, Session(connection) as session:
        assert session.run("Get-AcceptedDomain").state == 4


def test_a_ticket_needs_the_kdc(server):
    server.lab.stop_part("kdc")
    try:
        with server.connect() as connection, pytest.raises(Exception, match="(?i)kdc|contact"):
            Session(connection)
    finally:
        server.lab.start_part("kdc")
    with server.session() as session:
        assert session.run("Get-AcceptedDomain").state == 4


# ---- reading

def test_both_shapes_of_an_object(server):
    """Text without full serialisation; Exchange's types and a SerializationData with it."""
    with server.session() as session:
        flat = [one for one in session.run("Get-SendConnector").output if one["Name"].startswith("Outbound")][0]
    with server.session(query=FULL) as session:
        full = [one for one in session.run("Get-SendConnector").output if one["Name"].startswith("Outbound")][0]
    assert flat["MaxMessageSize"] == full["MaxMessageSize"][None] == "35 MB (36,700,160 bytes)"
    assert flat["CloudServicesMailEnabled"] is True and flat["TlsDomain"] == full["TlsDomain"][None] == "mail.protection.outlook.com"
    assert flat["SourceTransportServers"] == ["EX01", "EX02"] == [one[None] for one in full["SourceTransportServers"]]
    assert flat["TlsAuthLevel"] == "DomainValidation" and full["TlsAuthLevel"]["", "base"] == 3
    assert full["Identity"]["DistinguishedName"].startswith("CN=Outbound to Office 365")
    assert full["Id"] is full["Identity"], "the second time it is a Ref"
    assert full["Identity"]["DomainId"]["DomainId"] is full["Identity"]["DomainId"], "a domain is in itself"
    assert full["SerializationData"].startswith(b"#sig#") and "SerializationData" not in flat


def test_the_forest_is_seen_when_asked_for(server):
    """Konrad's mailbox is in the child domain. Names of both domains come back once the session views the forest."""
    with server.session() as session:
        assert len(session.run("Get-Mailbox", {"ResultSize": "Unlimited"}).output) == 12
        assert session.run("Set-ADServerSettings", {"ViewEntireForest": True}).state == 4
        names = {one["Name"] for one in session.run("Get-Mailbox", {"ResultSize": "Unlimited"}).output}
        assert len(names) == 13 and "Konrad Zuse" in names
        assert len(session.run("Get-Mailbox", {"Arbitration": True}).output) == 7
    with server.session() as session:  # of that session only
        assert len(session.run("Get-Mailbox", {"ResultSize": "Unlimited"}).output) == 12


def test_truncation_is_a_warning(server):
    with server.session() as session:
        result = session.run("Get-Mailbox", {"ResultSize": "3"})
    assert len(result.output) == 3 and len(result.warnings) == 1 and not result.errors


# ---- fragments

def test_tiny_fragments_over_many_answers(server):
    """150 bytes each, ten in an answer, and the client's own messages cut small too."""
    with server.session() as session:
        whole = session.run("Get-SendConnector").output
    server.control("knobs", {"fragment_size": 150, "fragments_per_receive": 10})
    with server.session(small=150) as session:
        result = session.run("Get-SendConnector")
    assert result.output == whole and result.fragments > 60 and result.receives > 6


def test_several_fragments_in_a_stream(server):
    server.control("knobs", {"fragment_size": 400, "fragments_per_stream": 7})
    with server.session() as session:
        result = session.run("Get-AcceptedDomain")
    assert len(result.output) == 8 and result.receives < result.fragments


def test_answers_fit_the_envelope(server):
    """The client asserts that every answer is within its MaxEnvelopeSize."""
    with server.session(envelope=40000) as session:
        assert session.run("Get-Recipient").receives > 2
    with pytest.raises(Fault) as fault, server.session(envelope=4096):
        pass
    assert fault.value.code == 2150858759


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3"])
def test_protocol_versions(server, version):
    with server.session(version=version) as session:
        assert session.opening.others[0][1]["protocolversion"] == version
        assert session.opening.others[0][2].int == 0, "SESSION_CAPABILITY names no pool"
        assert session.run("Get-AcceptedDomain").state == 4
    with pytest.raises(Fault) as fault, server.session(version="3.0"):
        pass
    assert fault.value.code == 2152991685


# ---- commands

def test_no_language(server):
    """A script, two commands: refused before anything runs."""
    with server.session() as session:
        script = session.run("Get-AcceptedDomain | Out-String", script=True)
        pipeline = session.start("", raw_commands=command("Get-AcceptedDomain", {}) + command("Remove-AcceptedDomain", {}))
        two = session.finish(pipeline)
    for result in (script, two):
        assert result.state == 5 and result.failure["FullyQualifiedErrorId"] == "ScriptsNotAllowed" and not result.output
    assert server.log(executed="true") == []


def test_what_the_account_may_not_run_does_not_exist(server):
    with server.session() as session:
        result = session.run("Remove-SendConnector", {"Identity": "Partner Adatum", "Confirm": False})
        assert result.state == 5 and result.failure["FullyQualifiedErrorId"] == "CommandNotFoundException"
        server.control("roles", {"svc-unhybrid": {"without": ["Get-AuthServer"], "without_parameters": {"Get-Mailbox": ["Arbitration"]}}})
        assert session.run("Get-AuthServer").failure["FullyQualifiedErrorId"] == "CommandNotFoundException"
        unknown = session.run("Get-Mailbox", {"Arbitration": True})
        assert unknown.failure["FullyQualifiedErrorId"] == "NamedParameterNotFound,Get-Mailbox"
        assert session.run("Get-Mailbox").state == 4
    with pytest.raises(Fault, match="AuthZ-AuthorizationException"), server.session("weak"):
        pass


@pytest.mark.parametrize("parameters, identity", [
    ({"Nonsense": "x"}, "NamedParameterNotFound"), ({"ViewEntireForest": "maybe"}, "ParameterArgumentTransformationError")])
def test_parameters_are_bound_as_powershell_does(server, parameters, identity):
    with server.session() as session:
        result = session.run("Set-ADServerSettings", parameters)
    assert result.state == 5 and result.failure["FullyQualifiedErrorId"].startswith(identity + ",")


def test_nothing_of_that_name(server):
    """Not terminating: an error record, and the state is Completed."""
    with server.session() as session:
        result = session.run("Get-SendConnector", {"Identity": "No such connector"})
    identity = result.errors[0]["FullyQualifiedErrorId"]
    assert result.state == 4 and not result.output and "[Server=EX01,RequestId=" in identity
    assert "[FailureCategory=Cmdlet-ManagementObjectNotFoundException]" in identity
    assert result.errors[0]["ErrorCategory_Reason"] == "ManagementObjectNotFoundException"


def test_a_localized_server(server):
    server.control("knobs", {"language": "de-DE"})
    with server.session() as session:
        error = session.run("Get-SendConnector", {"Identity": "No such connector"}).errors[0]
    assert "konnte nicht" in error["Exception"]["Message"] and "ManagementObjectNotFoundException" in error["FullyQualifiedErrorId"]


def test_one_domain_controller(server):
    with server.session() as session:
        assert len(session.run("Get-AcceptedDomain", {"DomainController": "dc01.contoso.com"}).output) == 8
        result = session.run("Get-AcceptedDomain", {"DomainController": "dc99.contoso.com"})
    assert not result.output and "SuitabilityDirectoryException" in result.errors[0]["FullyQualifiedErrorId"]


# ---- time

def test_a_slow_cmdlet_times_out_and_goes_on(server):
    server.control("faults", [{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "sleep", "args": {"seconds": 2.4}, "times": 1}])
    with server.session(operation_seconds=1) as session:
        assert len(session.run("Get-AcceptedDomain").output) == 8
        assert session.expired >= 1


@pytest.mark.parametrize("code, state", [(CTRL_C, 3), (None, None)])
def test_stopping(server, code, state):
    """crtl_c, as it is spelled: an orderly end with the state Stopped. Terminate: the command is gone."""
    server.control("faults", [{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "sleep", "args": {"seconds": 60}, "times": 1}])
    with server.session() as session:
        pipeline = session.start("Get-AcceptedDomain")
        if code:
            session.signal(pipeline, code)
            assert session.finish(pipeline).state == state
        else:
            session.signal(pipeline)
            with pytest.raises(Fault) as fault:
                session.finish(pipeline)
            assert fault.value.code == 2150858843
        assert session.run("Get-AcceptedDomain").state == 4


def test_after_done_there_is_nothing(server):
    with server.session() as session:
        pipeline = session.start("Get-AcceptedDomain")
        session.finish(pipeline)
        with pytest.raises(Fault) as fault:
            session.finish(pipeline)
    assert fault.value.code == 2150858843


# ---- shells

def test_too_many_shells(server):
    """What is left behind counts until it expires."""
    server.control("knobs", {"max_shells": 2})
    with server.connect() as first, server.connect() as second, server.connect() as third:
        Session(first)
        left = Session(second)
        with pytest.raises(Fault, match="exceeded the maximum number of connections allowed : 2"):
            Session(third)
        assert len(server.control("shells")) == 2
        server.control("knobs", {"idle_seconds": 0.2})
        process.wait_for(lambda: not server.control("shells"), WAIT_SECONDS, "idle shells expire")
        with pytest.raises(Fault) as fault:
            left.run("Get-AcceptedDomain")
        assert fault.value.code == 2150858843
        server.control("knobs", {"idle_seconds": 900})
        with Session(third) as session:
            assert session.run("Get-AcceptedDomain").state == 4
    assert [entry["kind"] for entry in server.log(kind="expired")] == ["expired", "expired"]


def test_a_shell_belongs_to_its_user_and_ends_with_delete(server):
    with server.session("admin") as session, server.connect() as other:
        foreign = Session(other, open=False)
        foreign.id = session.id
        with pytest.raises(Fault) as fault:
            foreign.start("Get-AcceptedDomain")
        assert fault.value.code == 2150858843
        assert len(server.control("shells")) == 1
    assert server.control("shells") == []
    assert [entry["verb"] for entry in server.log(kind="request", verb="Delete")] == ["Delete"]


def test_the_cookie_names_the_server(server):
    server.control("knobs", {"affinity": True})
    with server.session() as session:
        assert session.run("Get-AcceptedDomain").state == 4
        session.connection.cookie = None
        with pytest.raises(Fault) as fault:
            session.start("Get-AcceptedDomain")
        assert fault.value.code == 2150858843
    server.control("shells", method="DELETE")


# ---- prompts

@pytest.mark.parametrize("answer, gone", [(2, False), (None, False), (0, True)])
def test_confirmation(server, answer, gone):
    """No: nothing happens. A host that refuses: an error. Yes: it is gone, once."""
    name = f"Asked {answer}"
    with server.session("admin") as session:
        assert session.run("New-RemoteDomain", {"Name": name, "DomainName": f"asked{answer}.example"}).state == 4
        result = session.run("Remove-RemoteDomain", {"Identity": name}, answer=answer, interactive=True)
        assert len(result.calls) == 1 and result.calls[0]["mi"]["", "base"] == 26
        assert result.state == (5 if answer is None else 4)
        left = session.run("Get-RemoteDomain", {"Identity": name})
        assert bool(left.output) is not gone
        if not gone:
            session.run("Remove-RemoteDomain", {"Identity": name, "Confirm": False})
    assert len(server.log(cmdlet="Remove-RemoteDomain", executed="true")) == 1


def test_a_null_host_cannot_be_asked(server):
    with server.session("admin") as session:
        result = session.run("Remove-HybridConfiguration")
        assert result.state == 5 and not result.calls
        assert result.failure["FullyQualifiedErrorId"] == "HostFunctionNotImplemented,Remove-HybridConfiguration"
        said = session.run("Remove-HybridConfiguration", {"WhatIf": True})
        assert said.state == 4 and said.calls[0]["ci"] == -100 and not said.output
        assert len(session.run("Get-HybridConfiguration").output) == 1
    assert server.log(executed="true") == []


# ---- bounds

@pytest.mark.parametrize("body", ["", "<a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "no XML at all"])
def test_what_is_no_envelope_is_refused(server, body):
    """By a fault, sealed as everything else; the connection and the server go on."""
    with server.connect() as connection, Session(connection) as session:
        status, data = connection.send(body)
        assert status == 400 and b"WSManFault" in data
        assert session.run("Get-AcceptedDomain").state == 4


@pytest.mark.parametrize("blob, code", [(b"", None), (b"\0" * 21, 87), (b"\xff" * 40, 87), (b"\0" * 7 + b"\1" + b"\0" * 8 + b"\3\0\0\0\2ab", 87)])
def test_what_is_no_fragment_ends_the_shell(server, blob, code):
    with server.session() as session:
        text = (f'<rsp:CommandLine CommandId="{session.id}"><rsp:Command/><rsp:Arguments>{base64.b64encode(blob).decode()}</rsp:Arguments>'
                "</rsp:CommandLine>")
        if code is None:  # nothing yet: the rest may come by Send
            session.exchange("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command", text)
            return
        with pytest.raises(Fault) as fault:
            session.exchange("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command", text)
        assert fault.value.code == code and server.control("shells") == []


def test_a_cmdlet_does_not_run_ahead_of_its_reader(server):
    """Bounded queues: 8 MB of objects wait for a reader who takes 64 kB, and memory holds a fraction of them."""
    outbox, put = Outbox(), []

    def produce():
        for number in range(8192):
            outbox.put([b"x" * 1024])
            put.append(number)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    taken, largest = 0, 0
    while taken < 8192:
        pieces, _ = outbox.take(64 << 10, 10, None)
        taken += len(pieces)
        largest = max(largest, outbox.size)
    thread.join(10)
    assert len(put) == 8192 and largest <= QUEUE_BYTES + 1024
