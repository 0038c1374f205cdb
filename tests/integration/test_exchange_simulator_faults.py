# SPDX-License-Identifier: Apache-2.0
"""The simulated Exchange Server misbehaves when it is told to, and in the way that it is told."""
import http.client
import urllib.error
import xml.etree.ElementTree as xml

import gssapi
import pytest

from exchange_client import Fault, Refused, Session
from fixtures.lab import process
from test_exchange_simulator import WAIT_SECONDS, running, server  # noqa: F401 (fixtures)

BROKEN = (ConnectionError, http.client.HTTPException, TimeoutError)


@pytest.fixture(autouse=True)
def quiet(server):  # noqa: F811
    yield
    server.control("reset", {})


def inject(server, kind, verb=None, cmdlet=None, **args):  # noqa: F811
    match = {name: value for name, value in (("verb", verb), ("cmdlet", cmdlet)) if value}
    server.control("faults", [{"match": match, "fault": kind, "args": args, "times": 1}])


# kind, args, what the client meets at its second Receive (the first is of the pool)
ON_THE_WIRE = [
    ("status", {"status": 503}, Refused), ("reset", {}, BROKEN), ("unauthorized", {}, Refused), ("redirect", {}, Refused),
    ("wsman", {"code": 995}, Fault), ("shell_lost", {}, Fault), ("wsman_redirect", {}, Fault), ("reset_after", {}, BROKEN),
    ("cut", {}, BROKEN), ("unsealed", {}, AssertionError), ("garbled", {}, gssapi.exceptions.GSSError), ("content_type", {}, Refused),
    ("wrong_relation", {}, AssertionError), ("huge", {"bytes": 300000}, AssertionError), ("not_xml", {}, xml.ParseError)]


@pytest.mark.parametrize("kind, args, meets", ON_THE_WIRE, ids=[row[0] for row in ON_THE_WIRE])
def test_on_the_wire(server, kind, args, meets):  # noqa: F811
    """A careful client notices; without the fault the same session works."""
    with server.session() as session:
        inject(server, kind, "Receive", **args)
        with pytest.raises(meets):
            session.run("Get-AcceptedDomain")
    (told,) = server.control("faults")["faults"]
    assert told["hits"] == 1
    assert [entry["fault"] for entry in server.log(kind="request", fault=kind)] == [kind]
    with server.session() as session:
        assert session.run("Get-AcceptedDomain").state == 4


@pytest.mark.parametrize("kind, args", [("delay", {"seconds": 0.2}), ("timeout", {}), ("slow", {"seconds": 0.3})])
def test_patience_helps(server, kind, args):  # noqa: F811
    with server.session() as session:
        inject(server, kind, "Receive", **args)
        assert len(session.run("Get-AcceptedDomain").output) == 8


def test_an_unanswered_write_was_carried_out(server):  # noqa: F811
    """The connection breaks after Command: the domain is gone all the same, and the log knows it."""
    with server.session("admin") as session:
        session.run("New-RemoteDomain", {"Name": "Lost answer", "DomainName": "lost.example"})
        inject(server, "reset_after", "Command")
        with pytest.raises(BROKEN):
            session.run("Remove-RemoteDomain", {"Identity": "Lost answer", "Confirm": False})
    with server.session() as session:
        process.wait_for(lambda: not session.run("Get-RemoteDomain", {"Identity": "Lost answer"}).output, WAIT_SECONDS, "it is removed")
    assert len(server.log(cmdlet="Remove-RemoteDomain", executed="true")) == 1


CMDLET = [
    ("error", {"exception": "Microsoft.Exchange.Data.Directory.ADTransientException"}, lambda r: r.state == 4 and r.errors and not r.output),
    ("error", {"terminating": True}, lambda r: r.state == 5 and r.failure and not r.errors),
    ("error_after", {}, lambda r: r.state == 4 and len(r.errors) == 1 and len(r.output) == 8),
    ("silent_failure", {}, lambda r: r.state == 5 and r.failure is None and not r.errors),
    ("warning", {"text": "Beware"}, lambda r: r.warnings[0]["InformationalRecord_Message"] == "Beware" and len(r.output) == 8),
    ("progress", {}, lambda r: [one["PercentComplete"] for one in r.progress] == [0, 50, 100] and len(r.output) == 8),
    ("verbose", {}, lambda r: r.others[0][0] == 0x41008 and len(r.output) == 8),
    ("unknown_message", {}, lambda r: r.others[0][0] == 0x41099 and len(r.output) == 8),
    ("not_recognized", {}, lambda r: r.failure["FullyQualifiedErrorId"] == "CommandNotFoundException"),
    ("missing_property", {"property": "Guid"}, lambda r: all("Guid" not in one for one in r.output) and len(r.output) == 8),
    ("null_property", {"property": "Guid"}, lambda r: all(one["Guid"] is None for one in r.output) and len(r.output) == 8),
    ("prompt", {}, lambda r: r.state == 5 and r.failure["FullyQualifiedErrorId"].startswith("HostFunctionNotImplemented"))]


@pytest.mark.parametrize("kind, args, seen", CMDLET, ids=[row[0] for row in CMDLET])
def test_cmdlets(server, kind, args, seen):  # noqa: F811
    with server.session() as session:
        inject(server, kind, cmdlet="Get-Accepted*", **args)
        assert seen(session.run("Get-AcceptedDomain"))
        assert len(session.run("Get-AcceptedDomain").output) == 8


def test_the_server_ends_in_the_middle(server):  # noqa: F811
    with server.session() as session:
        inject(server, "broken_after", cmdlet="Get-AcceptedDomain", objects=3)
        with pytest.raises(Fault) as fault:
            session.run("Get-AcceptedDomain")
    assert fault.value.code in (995, 2150858843)


@pytest.mark.parametrize("kind", ["gap", "repeat", "bad_length", "bad_xml", "no_end", "zero_object"])
def test_broken_fragments(server, kind):  # noqa: F811
    """The third object is broken; a client that checks order, lengths and XML notices."""
    server.control("knobs", {"fragment_size": 600})
    with server.session() as session:
        inject(server, kind, cmdlet="Get-AcceptedDomain", after=2)
        with pytest.raises((AssertionError, KeyError, xml.ParseError)):
            session.run("Get-AcceptedDomain")


def test_a_seed_draws_the_same_again(server):  # noqa: F811
    """Recoverable kinds: everything is read, and a second run with the seed draws the same faults."""
    drawn = []
    for _ in range(2):
        server.control("reset", {})
        server.control("faults", {"seed": 11, "rate": 0.4, "kinds": ["warning", "progress", "verbose", "timeout"]})
        with server.session() as session:
            for _ in range(4):
                assert len(session.run("Get-AcceptedDomain").output) == 8
                assert len(session.run("Get-AuthServer").output) == 2
        drawn.append([one for one in server.control("faults")["drawn"] if one["key"].startswith("cmdlet")])
    assert drawn[0] == drawn[1] != []


def test_unknown_words_are_refused(server):  # noqa: F811
    for body in ([{"fault": "nonsense"}], [{"fault": "reset", "match": {"page": 1}}]):
        with pytest.raises(urllib.error.HTTPError):
            server.control("faults", body)
    with pytest.raises(urllib.error.HTTPError):
        server.control("knobs", {"nonsense": 1})


def test_every_kind_is_tried_here(server):  # noqa: F811
    tried = {row[0] for row in ON_THE_WIRE + CMDLET} | {"delay", "timeout", "slow", "broken_after", "gap", "repeat", "bad_length", "bad_xml",
                                                        "no_end", "zero_object", "sleep", "no_effect"}
    assert set(server.control("kinds")) == tried


def test_the_pool_may_be_warned(server):  # noqa: F811
    server.control("knobs", {"pool_warning": "A record that is addressed to the pool"})
    with server.session() as session:
        assert 0x41009 not in [kind for kind, _, _ in session.opening.others]
        assert len(session.opening.warnings) == 1


def test_two_sessions_at_once(server):  # noqa: F811
    """Two pools of one user on two connections do not see each other's output."""
    with server.connect() as one, server.connect() as two, Session(one) as first, Session(two) as second:
        pipelines = first.start("Get-AcceptedDomain"), second.start("Get-SendConnector")
        results = first.finish(pipelines[0]), second.finish(pipelines[1])
    assert {one["DomainName"] for one in results[0].output} > {"contoso.com"} and len(results[1].output) == 3
