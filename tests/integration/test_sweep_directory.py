# SPDX-License-Identifier: Apache-2.0
"""The sweep in a real Active Directory: entries and a whole tree are deleted as they were listed, exported as LDIF first, and
brought back from their tombstones with GUID, SID, security descriptor and every attribute."""
import glob
import json
import os
import re
import subprocess

import pytest

from conftest import AUDIT_SECONDS, TOP
from fixtures.lab.lab import Lab
from terminal import Terminal
from test_checks import DRIVERS
from test_guided import END, QUESTION, TYPE
from test_samba import can_have_namespaces

pytestmark = pytest.mark.skipif(not can_have_namespaces(), reason="a network namespace needs root, and a kernel that lets it")
STEPS = "hybrid-object,system-account,organization-container"
# What Disable-Mailbox takes from an account: nobody here runs it, for no Exchange Server is started.
MAILBOX = ("homemdb", "homemta", "mail", "mailnickname", "proxyaddresses", "legacyexchangedn", "showinaddressbook", "mdbusedefaults", "targetaddress")


SETUP = """import ldap, sys
from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
lab = Lab("fabrikam", sys.argv[1], ad="samba")
link = uninstall.connect(lab)
found = link.search_ext_s("DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, "(&(objectClass=user)(|(cn=SystemMailbox{*)(cn=HealthMailbox*)"
                          "(cn=FederatedEmail*)(cn=Migration.*)))")
for dn, values in found:
    if dn:
        link.modify_s(dn, [(ldap.MOD_DELETE, name, None) for name in values if name.lower().startswith("msexch") or name.lower() in sys.argv[2:]])
link.unbind_s()
uninstall.play(lab, "server-only", force=True)
"""


def play_setup(lab):
    """System mailboxes are disabled, then the server goes."""
    subprocess.run(lab.inside(["/usr/bin/python3", "-c", SETUP, lab.directory, *MAILBOX], "admin"), check=True, cwd=TOP, timeout=AUDIT_SECONDS)


class Swept:
    def __init__(self, lab, unhybrid, case):
        self.lab, self.unhybrid, self.case = lab, unhybrid, str(case)

    def command(self, *arguments):
        return self.lab.inside([self.unhybrid.path, "-c", self.lab.path("fabrikam.yaml"), "-C", self.case, "--no-progress", *arguments], "audit")

    def run(self, *arguments):
        return subprocess.run(self.command(*arguments), timeout=AUDIT_SECONDS, check=False, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace")

    def snapshot(self):
        done = self.run("audit", "--purpose", "after", "--snapshot")
        assert done.returncode in (0, 2), done.stdout[-2000:] + done.stderr[-500:]
        return max(glob.glob(os.path.join(self.case, "facts-*.db")), key=os.path.getmtime)

    def differences(self, before, after):
        """Of the directory's entries."""
        report = json.loads(self.run("diff", "--format", "json", before, after).stdout)
        return [(one["change"], one["object"]) for one in report["objects"] if "/" in one["kind"]]


@pytest.fixture(scope="module")
def swept(tmp_path_factory, unhybrid):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("swept") / "fabrikam"), ad="samba")
    lab.up()
    play_setup(lab)
    place = Swept(lab, unhybrid, tmp_path_factory.mktemp("case") / "fabrikam.case")
    place.run("audit")
    unhybrid.attest(lab.path("fabrikam.yaml"), place.case, lab.attestations())
    yield place
    lab.down()


def test_deleted_as_listed_and_brought_back_whole(swept):
    before = swept.snapshot()
    plan = json.loads(swept.run("sweep", "--dry-run", "--only", STEPS, "--format", "json").stdout)
    actions = [action["id"] for action in plan["actions"]]
    tree = [action for action in plan["actions"] if action["step"] == "organization-container"]
    assert len(actions) > 12 and len(tree) == 1 and len(tree[0]["directory"]["below"]) > 50
    assert swept.differences(before, swept.snapshot()) == []  # a dry run has done nothing
    done = swept.run("sweep", "--yes=irreversible", "--only", STEPS, "--approve", tree[0]["id"])
    assert done.returncode == 0, done.stderr[-3000:]
    gone = swept.differences(before, swept.snapshot())
    listed = {action["directory"]["dn"].lower() for action in plan["actions"]}
    assert {change for change, _ in gone if change != "changed"} == {"gone"}
    assert listed <= {name.lower() for _, name in gone}
    organisation = tree[0]["directory"]["dn"].lower()
    assert all(name.lower() in listed or name.lower().endswith("," + organisation) for change, name in gone if change == "gone")
    exports = glob.glob(os.path.join(swept.case, "exports", "before-*.ldif"))
    assert len(exports) == len(actions)
    for action in reversed(actions):
        undone = swept.run("undo", action, "--yes")
        assert undone.returncode == 0, undone.stderr[-2000:]
    assert swept.differences(before, swept.snapshot()) == []  # every attribute and security descriptor, the GUIDs too


def test_a_drifted_entry_is_left_alone(swept):
    """Changed by a third hand after the plan was made: not deleted, and what changed is told."""
    plan = json.loads(swept.run("sweep", "--dry-run", "--only", "system-account", "--format", "json").stdout)
    path = os.path.join(swept.case, "drift.json")
    assert swept.run("sweep", "--dry-run", "--only", "system-account", "--save-plan", path).returncode == 0
    entry = plan["actions"][-1]["directory"]["dn"]
    change = ("import ldap, sys\nfrom fixtures.lab import uninstall\nfrom fixtures.lab.lab import Lab\n"
              "link = uninstall.connect(Lab('fabrikam', sys.argv[1], ad='samba'))\n"
              "link.modify_s(sys.argv[2], [(ldap.MOD_REPLACE, 'description', b'somebody needs this')])\n")
    subprocess.run(swept.lab.inside(["/usr/bin/python3", "-c", change, swept.lab.directory, entry], "admin"), check=True, cwd=TOP, timeout=AUDIT_SECONDS)
    done = swept.run("sweep", "--yes=irreversible", "--plan", path)
    assert done.returncode not in (0, 70) and "description" in done.stderr, done.stderr[-2000:]


GRANT = """import ldap, sys
from ldap.controls import RequestControl
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
link = uninstall.connect(Lab("fabrikam", sys.argv[1], ad="samba"))
dacl = RequestControl("1.2.840.113556.1.4.801", True, bytes([0x30, 3, 2, 1, 4]))
read = lambda dn, name: link.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=[name], serverctrls=[dacl])[0][1][name][0]
domain = ndr_unpack(security.dom_sid, read("DC=fabrikam,DC=com", "objectSid"))
group = ndr_unpack(security.dom_sid, read("CN=Exchange Windows Permissions,OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com", "objectSid"))
for dn, entries in (("DC=fabrikam,DC=com", f"(A;;WD;;;{group})(OD;;CC;bf967aba-0de6-11d0-a285-00aa003049e2;;{group})(A;;GA;;;{domain}-99991)"),
                    ("CN=AdminSDHolder,CN=System,DC=fabrikam,DC=com", f"(OA;;WP;bf967950-0de6-11d0-a285-00aa003049e2;;{group})")):
    was = ndr_unpack(security.descriptor, read(dn, "nTSecurityDescriptor")).as_sddl(domain)
    new = security.descriptor.from_sddl(was + entries, domain)
    link.modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [ndr_pack(new)])], serverctrls=[dacl])
print(group, f"{domain}-99991")
"""


def test_who_has_rights_for_exchanges_sake_is_told(swept):
    """O-A9: explicit entries of Exchange's groups and of SIDs that nothing has, on the domain and on AdminSDHolder; what Samba itself put there is
    none of it. An audit without a snapshot does not look."""
    granted = subprocess.run(swept.lab.inside(["/usr/bin/python3", "-c", GRANT, swept.lab.directory], "admin"), check=True, cwd=TOP, timeout=AUDIT_SECONDS,
                             capture_output=True, text=True).stdout.split()
    group, nobody = granted
    report = json.loads(swept.run("audit", "--purpose", "after", "--snapshot", "--format", "json").stdout)
    check = next(one for one in report["checks"] if one["id"] == "left.permission")
    found = {(f["evidence"]["Trustee"], f["object"].partition(" on ")[2].lower()): f["evidence"] for f in check["findings"]}
    domain, holder = "dc=fabrikam,dc=com", "cn=adminsdholder,cn=system,dc=fabrikam,dc=com"
    assert set(found) == {(group, domain), (nobody, domain), (group, holder)}, found
    assert found[group, domain]["Rights"] == ["WriteDacl"] and found[group, domain]["Denied"] == ["CreateChild"] and found[group, domain]["Entries"] == 2
    assert found[group, holder]["Rights"] == ["WriteProperty"] and "Exchange Windows Permissions" in found[group, holder]["Name"]
    assert found[nobody, domain]["Name"] == "" and len(found[nobody, domain]["Rights"]) >= 1
    assert check["status"] == "fail" and check["severity"] == "info"
    bare = json.loads(swept.run("audit", "--purpose", "after", "--format", "json").stdout)
    assert next(one for one in bare["checks"] if one["id"] == "left.permission")["status"] == "unknown"
    table = swept.run("sweep", "--dry-run", "--only", "well-known-object").stdout
    assert "A person looks at" in table and nobody in table and "O-A9" in table


DENY = """import ldap, sys
from ldap.controls import RequestControl
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
link = uninstall.connect(Lab("fabrikam", sys.argv[1], ad="samba"))
dacl = RequestControl("1.2.840.113556.1.4.801", True, bytes([0x30, 3, 2, 1, 4]))
read = lambda dn, name: link.search_ext_s(dn, ldap.SCOPE_BASE, attrlist=[name], serverctrls=[dacl])[0][1][name][0]
domain = ndr_unpack(security.dom_sid, read("DC=fabrikam,DC=com", "objectSid"))
group = ndr_unpack(security.dom_sid, read("CN=Exchange Servers,OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com", "objectSid"))
was = ndr_unpack(security.descriptor, read(sys.argv[2], "nTSecurityDescriptor"))
sddl = was.as_sddl(domain).replace(sys.argv[3].format(group), "") if sys.argv[4] == "out" else was.as_sddl(domain) + sys.argv[3].format(group)
link.modify_ext_s(sys.argv[2], [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [ndr_pack(security.descriptor.from_sddl(sddl, domain))])], serverctrls=[dacl])
print(group)
"""


RENAME = """import sys
from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
uninstall.connect(Lab("fabrikam", sys.argv[1], ad="samba")).rename_s(sys.argv[2], sys.argv[3])
"""

LINK = """import sys, ldap
from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
link = uninstall.connect(Lab("fabrikam", sys.argv[1], ad="samba"))
dn = "CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fabrikam,DC=com"
((_, held),) = [row for row in link.search_s(dn, ldap.SCOPE_BASE, attrlist=["otherWellKnownObjects"]) if row[0]]
own = [one for one in held["otherWellKnownObjects"] if one.startswith(b"B:32:A7D2016C83F003458132789EEB127B84:")]
rest = [one for one in held["otherWellKnownObjects"] if one not in own]
link.modify_s(dn, [(ldap.MOD_REPLACE, "otherWellKnownObjects", rest + [one.encode() for one in sys.argv[2:]])])
print(own[0].decode() if own else "")
"""


def test_a_denial_of_monitoring_mailboxes_is_seen(swept):
    """U-17: inherited from the container above, and harmless once what Microsoft names stands before it. The group is found by the link
    of Exchange's container, so also where it was renamed."""
    above = "CN=Microsoft Exchange System Objects,DC=fabrikam,DC=com"
    container, denial, remedy = f"CN=Monitoring Mailboxes,{above}", "(D;CI;SDDT;;;{})", "(A;CI;DT;;;{})"

    def change(*arguments):
        return subprocess.run(swept.lab.inside(["/usr/bin/python3", "-c", DENY, swept.lab.directory, *arguments], "admin"), check=True, cwd=TOP,
                              timeout=AUDIT_SECONDS, capture_output=True, text=True).stdout.strip()

    def rename(*arguments):
        subprocess.run(swept.lab.inside(["/usr/bin/python3", "-c", RENAME, swept.lab.directory, *arguments], "admin"), check=True, cwd=TOP,
                       timeout=AUDIT_SECONDS, capture_output=True)

    def link(*arguments):
        return subprocess.run(swept.lab.inside(["/usr/bin/python3", "-c", LINK, swept.lab.directory, *arguments], "admin"), check=True, cwd=TOP,
                              timeout=AUDIT_SECONDS, stdout=subprocess.PIPE, text=True).stdout.strip()

    def judged():
        assert swept.run("audit", "--purpose", "after").returncode in (0, 2)
        facts = max(glob.glob(os.path.join(swept.case, "facts-*.db")), key=os.path.getmtime)
        out = subprocess.run([DRIVERS / "facts_judge", facts, "0", "setup.monitoring"], capture_output=True, timeout=60, check=True).stdout
        return next(line for line in map(json.loads, out.splitlines()) if line.get("id") == "setup.monitoring")

    assert judged()["status"] == "pass", "the list was read, and nothing was stated"
    group = change(above, denial, "in")
    found = judged()
    assert found["status"] == "fail" and [f["object"] for f in found["findings"]] == [container]
    evidence = found["findings"][0]["evidence"]
    assert (evidence["Trustee"], evidence["Denied"], evidence["Inherited"]) == (group, ["DeleteTree", "Delete"], "yes")
    groups = "OU=Microsoft Exchange Security Groups,DC=fabrikam,DC=com"
    rename(f"CN=Exchange Servers,{groups}", "CN=Mail Machines")
    found = judged()
    value = link()
    assert judged()["status"] == "unknown", "without the link nobody knows whose group that is"
    link(value)
    rename(f"CN=Mail Machines,{groups}", "CN=Exchange Servers")
    assert found["status"] == "fail" and found["findings"][0]["evidence"]["Name"].lower().startswith("cn=mail machines,"), found
    change(container, remedy, "in")
    assert judged()["status"] == "pass"
    change(container, remedy, "out")
    assert judged()["status"] == "fail"
    change(above, denial, "out")
    assert judged()["status"] == "pass"


EXPUNGE = """import sys
from samba.samdb import SamDB
from samba.auth import system_session
from samba.param import LoadParm
lp = LoadParm()
lp.load(sys.argv[1])
sam = SamDB(session_info=system_session(), lp=lp)
for base in (str(sam.domain_dn()), str(sam.get_config_basedn())):
    gone = [one for one in sam.search(base, 2, "(isDeleted=TRUE)", attrs=["lastKnownParent"], controls=["show_deleted:1"]) if "lastKnownParent" in one]
    for one in sorted(gone, key=lambda row: -str(row.dn).count(",")):
        sam.delete(one.dn, ["show_deleted:1", "relax:0"])
    left = sam.search(base, 2, "(&(isDeleted=TRUE)(lastKnownParent=*))", attrs=[], controls=["show_deleted:1"])
    assert gone and not left, (base, len(gone), len(left))
"""


def made_anew_at_a_terminal(swept, action):
    """A yes brings back what can be brought back; a new object wants a word typed, and nothing is made before. What is said in the end."""
    with Terminal(swept.command("undo", action)) as terminal:
        terminal.answer(QUESTION, "yes")
        terminal.answer(QUESTION, "yes", AUDIT_SECONDS)
        assert "another GUID and another SID" in " ".join(terminal.before.split()), terminal.before
        terminal.answer(TYPE, "yes")
        terminal.answer("nothing was done", "")
        terminal.answer(QUESTION, "stop")
        terminal.expect(END, AUDIT_SECONDS)
        assert terminal.wait() == 3, terminal.screen[-3000:]
    with Terminal(swept.command("undo", action)) as terminal:
        terminal.answer(QUESTION, "yes", AUDIT_SECONDS)
        terminal.answer(QUESTION, "yes", AUDIT_SECONDS)
        terminal.answer("", terminal.expect(TYPE).group(1))
        terminal.expect(END, AUDIT_SECONDS)
        assert terminal.wait() == 0, terminal.screen[-3000:]
        return " ".join(terminal.screen.split())


def test_what_left_no_tombstone_is_made_anew_with_consent(swept):
    """Each a new object, and said to be one: with another GUID, with every attribute that is not the directory's own to give."""
    before = swept.snapshot()
    plan = json.loads(swept.run("sweep", "--dry-run", "--only", STEPS, "--format", "json").stdout)
    tree = next(action for action in plan["actions"] if action["step"] == "organization-container")
    account = next(action for action in plan["actions"] if action["step"] == "system-account")
    done = swept.run("sweep", "--yes=irreversible", "--only", STEPS, "--approve", tree["id"])
    assert done.returncode == 0, done.stderr[-3000:]
    subprocess.run(swept.lab.inside(["/usr/bin/python3", "-c", EXPUNGE, swept.lab.path("samba", "etc", "smb.conf")], "admin"), check=True,
                   timeout=AUDIT_SECONDS)
    refused = swept.run("undo", account["id"], "--yes")
    assert refused.returncode == 3 and "--yes=new-object" in refused.stderr and "another GUID" in refused.stderr, refused.stderr[-2000:]
    resumed = swept.run("resume", "--yes")
    assert resumed.returncode == 3 and f"unhybrid undo {account['id']}" in resumed.stdout and "--give-up" in resumed.stdout, resumed
    assert "with --give-up it stays" in swept.run("status").stdout
    given_up = swept.run("undo", account["id"], "--yes", "--give-up")
    assert given_up.returncode == 0 and "it is as the action left it" in given_up.stderr, given_up.stderr[-2000:]
    assert swept.run("resume", "--yes").returncode == 0
    typed = made_anew_at_a_terminal(swept, account["id"])
    assert "it is a new object: " in typed, typed[-3000:]
    made = swept.run("undo", tree["id"], "--yes=new-object")
    assert made.returncode == 0 and "it is a new object: " in made.stderr, made.stderr[-3000:]
    unset = set(re.search("not set, for what they named is not there: (.*)", made.stderr).group(1).split(", "))   # the server went long before
    assert "homeMTA" in unset, made.stderr
    assert swept.run("undo", account["id"], "--yes=new-object").returncode == 64, "it is put back already"
    report = json.loads(swept.run("diff", "--format", "json", before, swept.snapshot()).stdout)
    top = {account["directory"]["dn"].lower(), tree["directory"]["dn"].lower()}
    others = {action["directory"]["dn"].lower() for action in plan["actions"]} - top
    back = {one["object"].lower() for one in report["objects"] if "/" in one["kind"] and one["change"] == "new"}
    gone = {one["object"].lower() for one in report["objects"] if "/" in one["kind"] and one["change"] == "gone"}
    assert top <= back and gone - back == others, (sorted(gone - back), sorted(others))
