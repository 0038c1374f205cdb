# SPDX-License-Identifier: Apache-2.0
"""`dev lab uninstall`: what Setup takes in each world, what it leaves, and that it refuses as Setup does."""
import ldap
import pytest

from fixtures.lab import snapshot, uninstall
from fixtures.lab.lab import Lab
from test_samba import can_have_namespaces

SERVER = "CN=FABEX01,CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,CN=Fabrikam,CN=Microsoft Exchange"
SERVICES = "CN=Services,CN=Configuration,DC=fabrikam,DC=com"
COMPUTER = "CN=FABEX01,CN=Computers,DC=fabrikam,DC=com"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("uninstall") / "fabrikam"))
    lab.up(("directory",))
    lab.clean = snapshot.take(lab)
    yield lab
    lab.down()


@pytest.fixture
def lab(running):
    yield running
    snapshot.restore(running, running.clean)


class After:
    """The directory after an uninstall, beside the one before."""

    def __init__(self, lab, world, *leave_behind):
        self.gone = {uninstall.normal(dn) for dn in uninstall.play(lab, world, leave_behind, force=True)}
        now = snapshot.take(lab)
        self.objects = {uninstall.normal(dn): values for dn, values in now["directory"].items()}
        self.changed = {name: sorted(what) for _, _, name, how, what in snapshot.differences(lab.clean, now) if how == "changed"}

    def has(self, dn):
        return uninstall.normal(dn) in self.objects

    def values(self, dn, name):
        return [value.decode() for value in self.objects[uninstall.normal(dn)].get(name, ())]


def test_setup_refuses_what_its_rules_name(lab):
    with pytest.raises(uninstall.Refused) as refused:
        uninstall.play(lab, "server-only")
    text = str(refused.value)
    assert text.count("UnwillingToRemoveMailboxDatabase") == 8 and "HealthMailbox" not in text   # Setup minds no monitoring mailbox
    assert text.count("ServerIsSourceForSendConnector") == 2
    assert snapshot.differences(lab.clean, snapshot.take(lab)) == []


def test_the_server_alone(lab):
    after = After(lab, "server-only")
    assert not after.has(f"{SERVER},{SERVICES}")
    assert all("cn=fabex01" in dn or "cn=fdb01" in dn for dn in after.gone)
    assert after.has(COMPUTER) and after.has(f"CN=Fabrikam,CN=Microsoft Exchange,{SERVICES}")
    assert after.values(COMPUTER, "servicePrincipalName") == ["HOST/fabex01.fabrikam.com"]
    assert after.values("CN=Exchange Servers,OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com", "member") == []
    assert not after.values("CN=Migration.8f3e7716-2011-43e4-96b1-aba62d229136,CN=Users,DC=fabrikam,DC=com", "homeMDB")
    touched = {name: what for name, what in after.changed.items() if "homeMDB" not in what and "ou=Microsoft Exchange Security" not in name}
    assert {uninstall.normal(name) for name in touched} == {uninstall.normal(COMPUTER)} | {
        dn for dn in map(uninstall.normal, touched) if "cn=connections" in dn}


def test_what_lies_between_dangles(lab):
    after = After(lab, "between")
    exchange = f"CN=Microsoft Exchange,{SERVICES}"
    assert not after.has(f"CN=Fabrikam,{exchange}") and not after.has("OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com")
    known = after.values(exchange, "otherWellKnownObjects")
    assert len(known) == 11 and all("\\0ADEL:" in one and one.endswith("CN=Deleted Objects,dc=fabrikam,dc=com") or
                                    one.lower().endswith("cn=deleted objects,dc=fabrikam,dc=com") for one in known)
    assert after.has("CN=Microsoft Exchange System Objects,DC=fabrikam,DC=com")
    assert after.has("CN=Migration.8f3e7716-2011-43e4-96b1-aba62d229136,CN=Users,DC=fabrikam,DC=com")


def test_the_whole_organisation_but_neither_schema_nor_recipients(lab):
    after = After(lab, "organisation")
    left = [dn for dn in after.objects if "microsoft exchange" in dn or "healthmailbox" in dn or "systemmailbox" in dn]
    assert sorted(left) == sorted(map(uninstall.normal, (f"CN=Microsoft Exchange Autodiscover,{SERVICES}",
                                                         f"CN=Microsoft Exchange Online,CN=Microsoft Exchange Autodiscover,{SERVICES}")))
    assert after.has("CN=ms-Exch-Schema-Version-Pt,CN=Schema,CN=Configuration,DC=fabrikam,DC=com")
    recipients = [dn for dn in after.objects if ",ou=people," in dn]
    assert recipients and not set(recipients) & {uninstall.normal(name) for name in after.changed}


@pytest.mark.parametrize("kind, dn", [
    ("scp", f"CN=FABEX01,CN=Microsoft Exchange Autodiscover,{SERVICES}"),
    ("hybrid-objects", f"CN=Hybrid Configuration,CN=Hybrid Configuration,CN=Fabrikam,CN=Microsoft Exchange,{SERVICES}"),
    ("organization", f"CN=Fabrikam,CN=Microsoft Exchange,{SERVICES}"),
    ("security-groups", "CN=Exchange Servers,OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com"),
    ("well-known-objects", f"CN=Microsoft Exchange,{SERVICES}"),
    ("system-objects", "CN=Exchange Install Domain Servers,CN=Microsoft Exchange System Objects,DC=fabrikam,DC=com"),
    ("system-accounts", "CN=Migration.8f3e7716-2011-43e4-96b1-aba62d229136,CN=Users,DC=fabrikam,DC=com"),
    ("health-mailboxes", "CN=HealthMailbox4f980920be1d509f84c0ec30c26b73ac,CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects,"
                         "DC=fabrikam,DC=com")])
def test_one_kind_is_left_behind(lab, kind, dn):
    after = After(lab, "organisation", kind)
    assert after.has(dn)
    assert not after.has(f"{SERVER},{SERVICES}")
    others = {"security-groups": "OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com",
              "system-objects": "CN=Microsoft Exchange System Objects,DC=fabrikam,DC=com"}
    assert not any(after.has(other) for name, other in others.items() if name != kind and (kind, name) != ("health-mailboxes", "system-objects"))


def test_values_that_are_left_behind(lab):
    after = After(lab, "server-only", "service-principal-names", "server-members")
    assert len(after.values(COMPUTER, "servicePrincipalName")) == 8
    assert len(after.values("CN=Exchange Servers,OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com", "member")) == 1


@pytest.mark.skipif(not can_have_namespaces(), reason="a network namespace needs root, and a kernel that lets it")
def test_the_same_from_a_real_domain_controller(tmp_path):
    import subprocess
    import sys
    lab = Lab("fabrikam", str(tmp_path / "fabrikam"), ad="samba")
    lab.up(("directory",))
    try:
        script = ("import sys\nfrom fixtures.lab import uninstall\nfrom fixtures.lab.lab import Lab\n"
                  "lab = Lab('fabrikam', sys.argv[1], ad='samba')\nprint(len(uninstall.play(lab, 'organisation', ['health-mailboxes'], True)))\n"
                  "link = uninstall.connect(lab)\nforest = uninstall.Forest(link, True)\n"
                  "print(*[dn for dn in forest.objects if 'microsoft exchange' in dn], sep='\\n')")
        done = subprocess.run(lab.inside([sys.executable, "-c", script, str(tmp_path / "fabrikam")], "admin"), capture_output=True, text=True,
                              check=True, timeout=120, cwd=__file__.rsplit("/tests/", 1)[0])
        number, *left = done.stdout.split("\n")[:-1]
        assert int(number) > 100
        meso = "cn=microsoft exchange system objects,dc=fabrikam,dc=com"
        assert sorted(left) == sorted([meso, "cn=monitoring mailboxes," + meso,
                                       "cn=healthmailbox4f980920be1d509f84c0ec30c26b73ac,cn=monitoring mailboxes," + meso,
                                       "cn=microsoft exchange autodiscover," + SERVICES.lower(),
                                       "cn=microsoft exchange online,cn=microsoft exchange autodiscover," + SERVICES.lower()])
    finally:
        lab.down()


def test_a_world_and_a_kind_that_there_are_not(lab):
    with pytest.raises(uninstall.LabError, match="no world"):
        uninstall.play(lab, "nothing")
    with pytest.raises(uninstall.LabError, match="nothing of the kind"):
        uninstall.play(lab, "server-only", ["schema"])
    link = uninstall.connect(lab)
    assert link.search_s(f"{SERVER},{SERVICES}", ldap.SCOPE_BASE)
    link.unbind_s()
