# SPDX-License-Identifier: Apache-2.0
"""Every check on small facts: what must be found, what must not, what cannot be judged, what an incomplete set does.

The facts are written row by row with facts_make and judged with facts_judge, so no service and no source takes part.
The expectations come from the requirements catalogue and the public guides, not from the checks' SQL.
"""
import base64
import copy
import itertools
import json
import os
import pathlib
import subprocess
import uuid

import pytest

BUILD = os.environ.get("BUILD_DIR") or pathlib.Path(__file__).resolve().parents[2] / "build"
DRIVERS = pathlib.Path(BUILD) / "tests" / "integration" / "drivers"
pytestmark = pytest.mark.skipif(not (DRIVERS / "facts_judge").exists(),
                                reason="build the drivers and name the build directory in BUILD_DIR")

NOW = 1_800_000_000
DAY = 86400


class Missing:
    """Stands in a row for a value that nobody could tell: each test runs with all three ways."""


MISSING = Missing()
WAYS = ("refused", "timeout", "not-asked")

DIRECTORY_ASKED = ("class name account_control recipient_type_details recipient_display_type remote_recipient_type home_mdb "
                   "home_server mailbox_guid archive_guid archive_database archive_status target_address mail alias addresses "
                   "move_status move_batch litigation_hold hold_policies consistency_guid external_id custom_attributes").split()
EXCHANGE_ASKED = ("guid external_id identity name alias primary_address addresses user_principal_name recipient_type_details "
                  "remote_recipient_type is_dir_synced is_cloud_managed exchange_guid archive_guid archive_status litigation_hold "
                  "in_place_holds database_name server_name remote_routing_address external_address when_created immutable_id windows_address "
                  "custom_attributes").split()
_numbers = itertools.count(1)


def guid():
    return f"00000000-0000-4000-8000-{next(_numbers):012x}"


def ad(address, **values):
    """An object of Active Directory, as a domain controller shows it: what it does not have is none."""
    row = {column: None for column in DIRECTORY_ASKED}
    name = address.split("@")[0]
    row.update(domain="DC=contoso,DC=com", via="dc", guid=guid(), dn=f"CN={name},CN=Users,DC=contoso,DC=com", name=name, mail=address,
               addresses=[f"SMTP:{address}"], alias=name)
    row["class"] = "user"
    row.update({k.rstrip("_"): v for k, v in values.items()})
    return {"table": "directory_recipient", "row": row}


def ex(address, kind="Mailbox", side="cloud", **values):
    """A recipient as a cmdlet gives it."""
    row = {column: None for column in EXCHANGE_ASKED}
    row.update(side=side, source="exchange-online" if side == "cloud" else "exchange-export", kind=kind, listing="", guid=guid(),
               name=address.split("@")[0], primary_address=address, addresses=[f"SMTP:{address}"], is_dir_synced=False,
               recipient_type_details="UserMailbox")
    row.update(values)
    return {"table": "exchange_recipient", "row": row}


def local(address, kind="Mailbox", **values):
    return ex(address, kind, "on-premises", **values)


def obj(kind, name, properties=None, side="on-premises", **values):
    row = dict(source="directory" if side == "on-premises" else "exchange-online", side=side, kind=kind, listing="", identity=name,
               name=name, guid=guid(), json=dict(properties or {}))
    row.update(values)
    return {"table": "object", "row": row}


def cloud(kind, name, properties=None, **values):
    return obj(kind, name, properties, "cloud", **values)


def dns(domain, role, name, type_, answers=(), outcome=None, view="public"):
    records = []
    for a in answers:
        kind, value = a if isinstance(a, tuple) else (type_, a)
        field = {"MX": "exchange", "A": "address", "AAAA": "address", "TXT": "text"}.get(kind, "target")
        records.append({"name": name, "type": kind, "ttl": 300, field: value})
    return {"table": "dns", "row": dict(view=view, server="192.0.2.53:53", domain=domain, role=role, name=name, type=type_,
                                        outcome=outcome or ("answer" if records else "nodata"), answers=records, detail="")}


def setting(name, *values):
    return [{"table": "setting", "row": {"name": name, "position": i, "value": v}} for i, v in enumerate(values)]


def a_set(name, state="complete", source="lab", part="", why="", answer=0, at=NOW - 60):
    side, _, short = name.partition(":")
    return {"table": "set", "row": dict(source=source, side=side, name=short, part=part, state=state, answer=answer, objects=1, why=why,
                                        observed_at=at)}


def observation(**values):
    row = dict(organization="contoso", tenant="contoso.onmicrosoft.com", program="0", host="lab", started_at=NOW - 120, ended_at=NOW - 60,
               interrupted=0)
    row.update(values)
    return {"table": "observation", "row": row}


def fill(rows, way):
    """Puts a way of not knowing in the place of each MISSING."""
    rows = copy.deepcopy(rows)
    for line in rows:
        row = line["row"]
        if line["table"] == "dns":
            if row["outcome"] is MISSING or isinstance(row["outcome"], Missing):
                row["outcome"] = {"refused": "refused", "timeout": "timeout", "not-asked": "servfail"}[way]
            continue
        for holder in (row, row["json"] if line["table"] == "object" else {}):
            for key in [k for k, v in holder.items() if isinstance(v, Missing)]:
                if holder is row and way == "not-asked":
                    del holder[key]
                elif holder is row:
                    holder[key] = {"answer": way}
                elif way == "not-asked":
                    del holder[key]
                else:
                    holder[key] = {"@answer": way}
    return rows


def flat(rows):
    for row in rows:
        if isinstance(row, dict):
            yield row
        else:
            yield from flat(row)


class Result:
    def __init__(self, line):
        self.line = line
        self.status = line["status"]
        self.complete = line["complete"]
        self.findings = line["findings"]
        self.found = sorted((f["side"], f["object"]) for f in line["findings"])
        self.unjudged = sorted((u["side"], u["object"]) for u in line["unjudged"])
        self.lacking = sorted(u["set"] for u in line["unknown"] if not u["objects"] and not u["set"].startswith("check:"))

    def __repr__(self):
        return json.dumps(self.line, indent=1)


def judge(tmp_path, check, rows, now=NOW, stated=()):
    """stated: {fact: value} of attestations that count."""
    path = tmp_path / f"facts-{next(_numbers)}.db"
    rows = list(flat(rows))
    if not any(r["table"] == "observation" for r in rows):
        rows.insert(0, observation())
    text = "\n".join(json.dumps(r) for r in rows) + "\n"
    subprocess.run([DRIVERS / "facts_make", path], input=text.encode(), check=True, timeout=60)
    words = [f"{fact}={value}" for fact, value in dict(stated).items()]
    out = subprocess.run([DRIVERS / "facts_judge", path, str(now), check, *words], capture_output=True, timeout=60, check=True).stdout
    for line in map(json.loads, out.splitlines()):
        if line.get("id") == check:
            assert not any(u["set"] == "check:itself" for u in line["unknown"]), line["unknown"]
            return Result(line)
    raise AssertionError(f"{check} was not judged")


class Spec:
    """needs: the sets of one complete observation; absence: those a violation rests on. violated: pairs of rows and what must be
    found, as (side, object). clean: rows of which nothing must be found, by name. unjudged: rows with MISSING and the objects that
    cannot be judged."""

    def __init__(self, needs, violated, clean, unjudged, absence=(), also=(), clean_status="pass", blind=False):
        self.needs, self.absence, self.also, self.blind = needs, absence, list(also), blind
        self.violated, self.clean, self.unjudged, self.clean_status = violated, clean, unjudged, clean_status

    def sets(self, without=None, state="partial"):
        names = [*self.needs, *self.absence]
        return [a_set(n, state if n == without else "complete", why="the rest was not read" if n == without else "",
                      answer=3 if n == without else 0) for n in names]


P, C, D, L = "on-premises", "cloud", "dns", "logs"
DB = "CN=DB01,CN=Databases,CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com"
REMOTE = 2147483648
RECIPIENT = "on-premises:Recipient"
SPECS = {}

# ---- mailboxes and archives ----

USER_TYPES = {1: "user", 2: "linked", 4: "shared", 8: "legacy", 16: "room", 32: "equipment", 1 << 40: "group", 1 << 41: "linkedroom",
              1 << 44: "scheduling"}
SYSTEM_TYPES = {1 << 13: "attendant", 1 << 14: "system", 1 << 23: "arbitration", 1 << 39: "monitoring", 1 << 42: "auditlog",
                1 << 46: "auxauditlog"}
OTHER_TYPES = {536870912: "discovery", 1 << 36: "publicfolder", 1 << 37: "team"}
NO_MAILBOX = {64: "contact", 128: "mailuser", 256: "group", REMOTE: "remoteuser", 1 << 33: "remoteroom", 1 << 34: "remoteequipment",
              1 << 35: "remoteshared", 1 << 38: "remoteteam", 1 << 43: "remotegroup", 2097152: "disabled", 65536: "plainuser"}

SPECS["mailbox.on-premises"] = Spec(
    [RECIPIENT],
    violated=[
        ([ad(f"{n}@contoso.com", recipient_type_details=t, home_mdb=DB) for t, n in USER_TYPES.items()],
         [(P, f"{n}@contoso.com") for n in USER_TYPES.values()]),
        # The type says it, whatever has become of the database.
        ([ad("lost@contoso.com", recipient_type_details=1)], [(P, "lost@contoso.com")]),
        # The built-in administrator's mailbox has to be disabled: it counts.
        ([ad("Administrator@contoso.com", recipient_type_details=1, home_mdb=DB)], [(P, "Administrator@contoso.com")]),
        # A type of the future, with a database.
        ([ad("new@contoso.com", recipient_type_details=1 << 50, home_mdb=DB)], [(P, "new@contoso.com")]),
        # Exports of Get-Mailbox; a name in another language and a type in another case change nothing.
        ([local("ada@contoso.com", database_name="DB01"), local("raum@contoso.com", recipient_type_details="ROOMMAILBOX", name="Besprechungsraum Ä"),
          local("later@contoso.com", recipient_type_details="MailboxOfTheFuture")],
         [(P, "ada@contoso.com"), (P, "later@contoso.com"), (P, "raum@contoso.com")]),
    ],
    clean={
        "remote mailboxes, contacts, groups": [ad(f"{n}@contoso.com", recipient_type_details=t) for t, n in NO_MAILBOX.items()],
        "mailboxes with checks of their own": [ad(f"{n}@contoso.com", recipient_type_details=t, home_mdb=DB)
                                               for t, n in {**SYSTEM_TYPES, **OTHER_TYPES}.items()],
        "no recipient type, no mailbox": [ad("x@contoso.com", recipient_type_details=None)],
        "a type of the future without database": [ad("new@contoso.com", recipient_type_details=1 << 50)],
        "remote mailboxes in an export": [local("r@contoso.com", "RemoteMailbox", recipient_type_details="RemoteUserMailbox")],
        "system mailboxes in an export": [local(f"{t}@contoso.com", recipient_type_details=t, listing=li)
                                          for t, li in (("DiscoveryMailbox", ""), ("ArbitrationMailbox", "Arbitration"),
                                                        ("MonitoringMailbox", "Monitoring"), ("PublicFolderMailbox", "PublicFolder"))],
        "mailboxes in the cloud": [ex("c@contoso.com")],
        "a group whose type was refused": [ad("g@contoso.com", class_="group", recipient_type_details={"answer": "refused"})],
    },
    unjudged=[([ad("x@contoso.com", recipient_type_details=MISSING, home_mdb=DB)], [(P, "x@contoso.com")]),
              ([ad("y@contoso.com", recipient_type_details=1 << 50, home_mdb=MISSING)], [(P, "y@contoso.com")]),
              ([local("z@contoso.com", recipient_type_details=MISSING)], [(P, "z@contoso.com")])])

SPECS["mailbox.hidden-reference"] = Spec(
    [RECIPIENT],
    violated=[
        ([ad("remote@contoso.com", recipient_type_details=REMOTE, home_mdb=DB)], [(P, "remote@contoso.com")]),
        ([ad("archive@contoso.com", recipient_type_details=REMOTE, archive_database=DB)], [(P, "archive@contoso.com")]),
        ([ad("kiosk@contoso.com", recipient_type_details=2097152, home_mdb=DB, account_control=514)], [(P, "kiosk@contoso.com")]),
        ([ad("none@contoso.com", recipient_type_details=None, home_mdb=DB)], [(P, "none@contoso.com")]),
        # One value seen decides, whatever else was not obtained.
        ([ad("half@contoso.com", recipient_type_details=REMOTE, home_mdb=DB, archive_database={"answer": "not-asked"})], [(P, "half@contoso.com")]),
    ],
    clean={
        "listed mailboxes": [ad(f"{n}@contoso.com", recipient_type_details=t, home_mdb=DB, archive_database=DB)
                             for t, n in {**USER_TYPES, **SYSTEM_TYPES, **OTHER_TYPES}.items()],
        "remote mailbox without references": [ad("r@contoso.com", recipient_type_details=REMOTE)],
        "health and system mailboxes by name": [
            ad("h@contoso.com", dn="CN=HealthMailbox0d2f,CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects,DC=contoso,DC=com",
               recipient_type_details=None, home_mdb=DB),
            ad("s@contoso.com", dn="CN=SystemMailbox{5e0fb1d2-7c34-4a8e-9a53-6b1c2d3e4f50},CN=Users,DC=contoso,DC=com",
               recipient_type_details=None, home_mdb=DB)],
    },
    unjudged=[([ad("x@contoso.com", recipient_type_details=REMOTE, home_mdb=MISSING)], [(P, "x@contoso.com")]),
              ([ad("y@contoso.com", recipient_type_details=REMOTE, archive_database=MISSING)], [(P, "y@contoso.com")]),
              ([ad("z@contoso.com", recipient_type_details=MISSING, home_mdb=DB)], [(P, "z@contoso.com")]),
              ([ad("w@contoso.com", recipient_type_details=REMOTE, home_mdb=DB, alias=MISSING)], [(P, "w@contoso.com")])])

SPECS["mailbox.hold"] = Spec(
    [RECIPIENT],
    violated=[
        ([ad("lit@contoso.com", recipient_type_details=1, home_mdb=DB, litigation_hold="20250101120000.0Z")], [(P, "lit@contoso.com")]),
        ([ad("ip@contoso.com", recipient_type_details=4, home_mdb=DB, hold_policies=["9d0f81154cc64c6b923ecc0be5ced0d7"])], [(P, "ip@contoso.com")]),
        ([ad("half@contoso.com", recipient_type_details=1, litigation_hold="20250101120000.0Z", hold_policies={"answer": "refused"})],
         [(P, "half@contoso.com")]),
        ([local("le@contoso.com", litigation_hold=True), local("ie@contoso.com", litigation_hold=False, in_place_holds=["cld1234"])],
         [(P, "ie@contoso.com"), (P, "le@contoso.com")]),
    ],
    clean={
        "no hold": [ad("n@contoso.com", recipient_type_details=1, home_mdb=DB), local("e@contoso.com", litigation_hold=False)],
        "a hold in the cloud, written back": [ad("r@contoso.com", recipient_type_details=REMOTE, litigation_hold="20250101120000.0Z",
                                                  hold_policies=["UniH5d0f"])],
        "excluded from a policy": [ad("m@contoso.com", recipient_type_details=1, hold_policies=["-mbx696480dafe5e4ed68b6c6e4b"])],
        "a mailbox in the cloud": [ex("c@contoso.com", litigation_hold=True)],
    },
    unjudged=[([ad("x@contoso.com", recipient_type_details=1, litigation_hold=MISSING)], [(P, "x@contoso.com")]),
              ([ad("y@contoso.com", recipient_type_details=1, hold_policies=MISSING)], [(P, "y@contoso.com")]),
              ([ad("t@contoso.com", recipient_type_details=MISSING, litigation_hold="20250101120000.0Z")], [(P, "t@contoso.com")]),
              ([local("z@contoso.com", litigation_hold=MISSING)], [(P, "z@contoso.com")])])


def typed(types, export_types, others, needs=(RECIPIENT,)):
    return Spec(
        list(needs),
        violated=[([ad(f"{n}@contoso.com", recipient_type_details=t, home_mdb=DB) for t, n in types.items()],
                   [(P, f"{n}@contoso.com") for n in types.values()]),
                  ([local(f"{t.lower()}@contoso.com", recipient_type_details=t, listing=li) for t, li in export_types],
                   [(P, f"{t.lower()}@contoso.com") for t, _ in export_types])],
        clean={"other types": [ad(f"{n}@contoso.com", recipient_type_details=t, home_mdb=DB) for t, n in others.items() if t not in types],
               "in the cloud": [ex(f"{t.lower()}@contoso.com", recipient_type_details=t) for t, _ in export_types],
               "other types in an export": [local("u@contoso.com"), local("r@contoso.com", "RemoteMailbox", recipient_type_details="RemoteUserMailbox")]},
        unjudged=[([ad("x@contoso.com", recipient_type_details=MISSING)], [(P, "x@contoso.com")]),
                  ([local("y@contoso.com", recipient_type_details=MISSING)], [(P, "y@contoso.com")])])


EVERY_TYPE = {**USER_TYPES, **SYSTEM_TYPES, **OTHER_TYPES, **NO_MAILBOX}
SPECS["mailbox.site"] = typed({1 << 37: "team"}, [("TeamMailbox", "")], EVERY_TYPE)
SPECS["mailbox.site"].violated.append(([local("s@contoso.com", "SiteMailbox", recipient_type_details=None)], [(P, "s@contoso.com")]))
SPECS["mailbox.discovery"] = typed({536870912: "discovery"}, [("DiscoveryMailbox", "")], EVERY_TYPE)
SPECS["mailbox.system"] = typed(SYSTEM_TYPES, [("ArbitrationMailbox", "Arbitration"), ("AuditLogMailbox", "AuditLog"),
                                               ("AuxAuditLogMailbox", "AuxAuditLog"), ("MonitoringMailbox", "Monitoring")], EVERY_TYPE)

SPECS["archive.on-premises"] = Spec(
    [RECIPIENT],
    violated=[
        ([ad("a@contoso.com", recipient_type_details=1, home_mdb=DB, archive_database=DB, archive_guid=guid())], [(P, "a@contoso.com")]),
        ([ad("r@contoso.com", recipient_type_details=REMOTE, archive_database=DB)], [(P, "r@contoso.com")]),
        ([local("e@contoso.com", archive_guid=guid(), archive_status="None"), local("l@contoso.com", listing="Archive", archive_guid={"answer": "refused"})],
         [(P, "e@contoso.com"), (P, "l@contoso.com")]),
    ],
    clean={
        "no archive": [ad("n@contoso.com", recipient_type_details=1, home_mdb=DB), local("n2@contoso.com")],
        "archive in the cloud": [ad("c@contoso.com", recipient_type_details=REMOTE, archive_guid=guid(), archive_status=1),
                                 local("h@contoso.com", archive_guid=guid(), archive_status="Active")],
        "mailbox in the cloud": [ex("x@contoso.com", archive_guid=guid(), archive_status="Active")],
    },
    unjudged=[([ad("x@contoso.com", recipient_type_details=REMOTE, archive_database=MISSING)], [(P, "x@contoso.com")]),
              ([local("y@contoso.com", archive_guid=MISSING)], [(P, "y@contoso.com")]),
              # It may be in the cloud already.
              ([local("z@contoso.com", archive_guid=guid(), archive_status=MISSING)], [(P, "z@contoso.com")]),
              ([local("l@contoso.com", listing="Archive", archive_status=MISSING)], [(P, "l@contoso.com")])])


def graph_user(address, sync=(), service=()):
    return cloud("GraphProvisioningError", address, {"mail": address, "userPrincipalName": address, "onPremisesProvisioningErrors": sync if isinstance(sync, Missing) else list(sync),
                                                     "serviceProvisioningErrors": service if isinstance(service, Missing) else list(service)})


CONFLICT = {"category": "PropertyConflict", "propertyCausingError": "ArchiveGuid", "value": "1"}
SPECS["archive.provisioning-error"] = Spec(
    ["cloud:GraphProvisioningError"],
    violated=[([graph_user("sync@contoso.com", [CONFLICT])], [(C, "sync@contoso.com")]),
              ([graph_user("svc@contoso.com", [], [{"serviceInstance": "exchange/eur", "isResolved": False}])], [(C, "svc@contoso.com")]),
              ([graph_user("both@contoso.com", [CONFLICT], MISSING)], [(C, "both@contoso.com")]),
              ([graph_user("mixed@contoso.com", [], [{"serviceInstance": "a", "isResolved": True}, {"serviceInstance": "b", "isResolved": False}])],
               [(C, "mixed@contoso.com")])],
    clean={"resolved": [graph_user("old@contoso.com", [], [{"serviceInstance": "exchange/eur", "isResolved": True}])]},
    unjudged=[([graph_user("x@contoso.com", MISSING)], [(C, "x@contoso.com")]), ([graph_user("y@contoso.com", [], MISSING)], [(C, "y@contoso.com")])])

# ---- public folders ----

SPECS["public-folder.on-premises"] = Spec(
    [RECIPIENT, "on-premises:PublicFolderDatabase"],
    violated=[([ad("pf@contoso.com", recipient_type_details=1 << 36, home_mdb=DB)], [(P, "pf@contoso.com")]),
              ([local("pfe@contoso.com", recipient_type_details="PublicFolderMailbox", listing="PublicFolder")], [(P, "pfe@contoso.com")]),
              ([obj("PublicFolderDatabase", "Public Folder Database 01")], [(P, "Public Folder Database 01")])],
    clean={"other mailboxes": [ad(f"{n}@contoso.com", recipient_type_details=t) for t, n in EVERY_TYPE.items() if t != 1 << 36],
           "folders in the cloud": [ex("pfc@contoso.com", recipient_type_details="PublicFolderMailbox", listing="PublicFolder")]},
    unjudged=[([ad("x@contoso.com", recipient_type_details=MISSING)], [(P, "x@contoso.com")]),
              ([local("y@contoso.com", recipient_type_details=MISSING)], [(P, "y@contoso.com")])])


def org(**properties):
    return cloud("OrganizationConfig", "contoso.onmicrosoft.com", properties)


ORG = (C, "contoso.onmicrosoft.com")
SPECS["public-folder.remote"] = Spec(
    ["cloud:OrganizationConfig"],
    violated=[([org(PublicFoldersEnabled="Remote", RemotePublicFolderMailboxes=["PFMailbox01"])], [ORG]),
              ([org(PublicFoldersEnabled="REMOTE", RemotePublicFolderMailboxes=[])], [ORG]),
              ([org(PublicFoldersEnabled="Local", RemotePublicFolderMailboxes=["PFMailbox01"])], [ORG]),
              ([org(PublicFoldersEnabled="Remote", RemotePublicFolderMailboxes=MISSING)], [ORG])],
    clean={"local": [org(PublicFoldersEnabled="Local", RemotePublicFolderMailboxes=[])],
           "none": [org(PublicFoldersEnabled="None", RemotePublicFolderMailboxes=None)],
           "on premises says remote": [obj("OrganizationConfig", "Contoso", {"PublicFoldersEnabled": "Remote"}),
                                       org(PublicFoldersEnabled="Local", RemotePublicFolderMailboxes="")]},
    unjudged=[([org(PublicFoldersEnabled=MISSING, RemotePublicFolderMailboxes=[])], [ORG]),
              ([org(PublicFoldersEnabled="Local", RemotePublicFolderMailboxes=MISSING)], [ORG])])

SPECS["public-folder.mail-enabled"] = Spec(
    [RECIPIENT, "cloud:MailPublicFolder"],
    violated=[([ad("folder@contoso.com", class_="publicFolder", recipient_type_details=4096)], [(P, "folder@contoso.com")]),
              ([ad("old@contoso.com", class_="PublicFolder", recipient_type_details={"answer": "refused"})], [(P, "old@contoso.com")]),
              ([ex("sync@contoso.com", "MailPublicFolder", external_address="expf"), ex("dir@contoso.com", "MailPublicFolder", is_dir_synced=True)],
               [(C, "dir@contoso.com"), (C, "sync@contoso.com")]),
              ([local("exp@contoso.com", "MailPublicFolder")], [(P, "exp@contoso.com")])],
    clean={"made in the cloud": [ex("own@contoso.com", "MailPublicFolder")],
           "other objects": [ad("u@contoso.com", recipient_type_details=1), ad("g@contoso.com", class_="group", recipient_type_details={"answer": "refused"})]},
    unjudged=[([ad("x@contoso.com", class_=MISSING, recipient_type_details=MISSING)], [(P, "x@contoso.com")]),
              ([ad("z@contoso.com", class_=MISSING, recipient_type_details=None)], [(P, "z@contoso.com")]),
              ([ex("y@contoso.com", "MailPublicFolder", external_address=MISSING)], [(C, "y@contoso.com")])])

# ---- source of authority ----

SPECS["soa.mailbox"] = Spec(
    ["cloud:Mailbox"],
    violated=[([ex(f"{t}@contoso.com", recipient_type_details=t, is_dir_synced=True, is_cloud_managed=False)
                for t in ("UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox")],
               [(C, f"{t}@contoso.com") for t in ("UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox")]),
              ([ex("case@contoso.com", recipient_type_details="usermailbox", is_dir_synced=True, is_cloud_managed=False)], [(C, "case@contoso.com")]),
              # The transfer covers four types; a synchronised mailbox of any other has nobody to manage it afterwards.
              ([ex(f"{t}@contoso.com", recipient_type_details=t, is_dir_synced=True, is_cloud_managed=False) for t in ("LinkedMailbox", "NewKindMailbox")],
               [(C, "LinkedMailbox@contoso.com"), (C, "NewKindMailbox@contoso.com")])],
    clean={"cloud-managed": [ex("m@contoso.com", is_dir_synced=True, is_cloud_managed=True)],
           "never synchronised": [ex("c@contoso.com", is_dir_synced=False, is_cloud_managed=False),
                                  ex("d@contoso.com", is_dir_synced=False, is_cloud_managed={"answer": "not-asked"})],
           "discovery mailbox": [ex("d@contoso.onmicrosoft.com", recipient_type_details="DiscoveryMailbox", is_dir_synced=True, is_cloud_managed=False)],
           "deleted": [ex("s@contoso.com", listing="SoftDeletedMailbox", is_dir_synced=True, is_cloud_managed=False)],
           "on premises": [local("p@contoso.com", is_dir_synced=True, is_cloud_managed=False)]},
    unjudged=[([ex("x@contoso.com", is_dir_synced=True, is_cloud_managed=MISSING)], [(C, "x@contoso.com")]),
              ([ex("y@contoso.com", is_dir_synced=MISSING, is_cloud_managed=False)], [(C, "y@contoso.com")]),
              ([ex("z@contoso.com", is_dir_synced=True, is_cloud_managed=False, recipient_type_details=MISSING)], [(C, "z@contoso.com")])])

SPECS["soa.inactive"] = Spec(
    ["cloud:Mailbox/SoftDeletedMailbox", "cloud:Mailbox/InactiveMailboxOnly"],
    violated=[([ex("s@contoso.com", listing="SoftDeletedMailbox", is_dir_synced=True, is_cloud_managed=False),
                ex("i@contoso.com", listing="InactiveMailboxOnly", is_dir_synced=True, is_cloud_managed=False)],
               [(C, "i@contoso.com"), (C, "s@contoso.com")])],
    clean={"alive": [ex("a@contoso.com", is_dir_synced=True, is_cloud_managed=False)],
           "was cloud-managed": [ex("m@contoso.com", listing="SoftDeletedMailbox", is_dir_synced=True, is_cloud_managed=True)],
           "never synchronised": [ex("c@contoso.com", listing="InactiveMailboxOnly", is_dir_synced=False)]},
    unjudged=[([ex("x@contoso.com", listing="SoftDeletedMailbox", is_dir_synced=True, is_cloud_managed=MISSING)], [(C, "x@contoso.com")])])

FLAG = "BlockExchangeProvisioningFromOnPremEnabled"
SPECS["soa.default"] = Spec(
    ["cloud:OrganizationConfig"],
    violated=[([org(**{FLAG: False})], [ORG]), ([org(**{FLAG: "False"})], [ORG])],
    clean={"on": [org(**{FLAG: True})]},
    unjudged=[([org(**{FLAG: MISSING})], [ORG])])
EARLY_NEEDS = ["cloud:OrganizationConfig", RECIPIENT, "cloud:MigrationBatch", "cloud:MoveRequest"]
SPECS["soa.default-early"] = Spec(
    EARLY_NEEDS,
    violated=[([org(**{FLAG: True}), ad("u@contoso.com", recipient_type_details=1, home_mdb=DB)], [ORG]),
              ([org(**{FLAG: True}), cloud("MigrationBatch", "Wave", {"Status": "Syncing"})], [ORG]),
              ([org(**{FLAG: True}), cloud("MoveRequest", "Ada", {"Status": "InProgress"})], [ORG]),
              ([org(**{FLAG: True}), local("e@contoso.com")], [ORG])],
    clean={"on, nothing left": [org(**{FLAG: True}), ad("r@contoso.com", recipient_type_details=REMOTE), cloud("MigrationBatch", "Wave", {"Status": "Completed"}),
                                cloud("MoveRequest", "Ada", {"Status": {"Value": "Completed"}})]},
    unjudged=[([org(**{FLAG: MISSING}), ad("u@contoso.com", recipient_type_details=1)], [ORG]),
              ([org(**{FLAG: True}), local("u@contoso.com", recipient_type_details=MISSING)], [ORG]),
              ([org(**{FLAG: True}), ad("u@contoso.com", recipient_type_details=MISSING)], [ORG]),
              ([org(**{FLAG: True}), cloud("MigrationBatch", "Wave", {"Status": MISSING})], [ORG])])


def synced(kind, types, other):
    return Spec(
        ["cloud:Recipient"],
        violated=[([ex(f"{t}@contoso.com", "Recipient", recipient_type_details=t, is_dir_synced=True) for t in types], [(C, f"{t}@contoso.com") for t in types]),
                  ([ex("e@contoso.com", kind, recipient_type_details={"answer": "not-asked"}, is_dir_synced=True)], [(C, "e@contoso.com")])],
        clean={"made in the cloud": [ex(f"{t}@contoso.com", "Recipient", recipient_type_details=t, is_dir_synced=False) for t in types],
               "other kinds": [ex(f"{t}@contoso.com", "Recipient", recipient_type_details=t, is_dir_synced=True) for t in other],
               "on premises": [local(f"{t}@contoso.com", "Recipient", recipient_type_details=t, is_dir_synced=True) for t in types],
               "unknown kind, not synchronised": [ex("n@contoso.com", "Recipient", recipient_type_details={"answer": "refused"}, is_dir_synced=False)]},
        unjudged=[([ex("x@contoso.com", "Recipient", recipient_type_details=types[0], is_dir_synced=MISSING)], [(C, "x@contoso.com")]),
                  ([ex("y@contoso.com", "Recipient", recipient_type_details=MISSING, is_dir_synced=True)], [(C, "y@contoso.com")]),
                  ([ex("z@contoso.com", "Recipient", recipient_type_details=MISSING, is_dir_synced=MISSING)], [(C, "z@contoso.com")])])


GROUPS = ["MailUniversalDistributionGroup", "MailUniversalSecurityGroup", "MailNonUniversalGroup", "RoomList"]
SPECS["soa.group"] = synced("DistributionGroup", GROUPS, ["GroupMailbox", "MailContact", "MailUser", "DynamicDistributionGroup"])
SPECS["soa.contact"] = synced("MailContact", ["MailContact"], [*GROUPS, "MailUser", "GroupMailbox"])
SPECS["soa.mail-user"] = synced("MailUser", ["MailUser"], [*GROUPS, "MailContact", "GroupMailbox"])
SPECS["soa.dynamic-group"] = Spec(
    [RECIPIENT],
    violated=[([ad("all@contoso.com", class_="msExchDynamicDistributionList", recipient_type_details=2048)], [(P, "all@contoso.com")]),
              ([local("e@contoso.com", "DynamicDistributionGroup", recipient_type_details="DynamicDistributionGroup")], [(P, "e@contoso.com")])],
    clean={"Exchange's own group": [ad("pf@contoso.com", class_="msExchDynamicDistributionList", name="PublicFolderMailboxes.7b1f4c2e9d3a4e5f8a6b0c1d2e3f4a5b",
                                       recipient_type_details=2048),
                                    local("pfe@contoso.com", "DynamicDistributionGroup", name="PublicFolderMailboxes.7b1f4c2e9d3a4e5f8a6b0c1d2e3f4a5b")],
           "ordinary group": [ad("g@contoso.com", class_="group", recipient_type_details=256)],
           "in the cloud": [ex("c@contoso.com", "Recipient", recipient_type_details="DynamicDistributionGroup")]},
    unjudged=[([ad("x@contoso.com", class_=MISSING, recipient_type_details=MISSING)], [(P, "x@contoso.com")]),
              ([ad("z@contoso.com", class_=MISSING, recipient_type_details=None)], [(P, "z@contoso.com")])])

# ---- DNS ----

BOTH = ["dns:public", "dns:internal"]
NETWORKS = setting("mail_flow.onprem_networks", "203.0.113.0/24", "2001:db8:5::/48", "10.0.0.0/8")
GATEWAYS = setting("mail_flow.gateways", "*.pphosted.com", "mx.filter.example")
EOP = "contoso-com.mail.protection.outlook.com"


def mx(*hosts, domain="contoso.com", view="public", outcome=None, addresses=()):
    rows = [dns(domain, "mx", domain, "MX", hosts, outcome, view)]
    for name, address in addresses:
        rows.append(dns(domain, "exchanger", name, "AAAA" if ":" in address else "A", [address], None, view))
    return rows


def own(*addresses, domain="contoso.com", view="public", outcome=None):
    return [dns(domain, "root", domain, "A", [a for a in addresses if ":" not in a], outcome, view),
            dns(domain, "root", domain, "AAAA", [a for a in addresses if ":" in a], outcome, view)]


DOMAIN = (D, "contoso.com")
SPECS["dns.mx"] = Spec(
    BOTH, also=[NETWORKS, GATEWAYS],
    violated=[([mx("mail.contoso.com", addresses=[("mail.contoso.com", "203.0.113.10")])], [DOMAIN]),
              ([mx("mail.contoso.com", view="internal", addresses=[("mail.contoso.com", "10.0.0.11")])], [DOMAIN]),
              ([mx("six.contoso.com", addresses=[("six.contoso.com", "2001:db8:5::25")])], [DOMAIN]),
              ([mx("elsewhere.example", addresses=[("elsewhere.example", "198.51.100.9")])], [DOMAIN]),
              ([mx("elsewhere.example")], [DOMAIN]),
              # One wrong exchanger among right ones; its answer came with a failure of another question.
              ([mx(EOP, "mail.contoso.com"), dns("contoso.com", "exchanger", "mail.contoso.com", "A", [], "servfail")], [DOMAIN]),
              # A gateway's or the cloud's name with our own address is our server.
              ([mx("in.pphosted.com", addresses=[("in.pphosted.com", "203.0.113.25")])], [DOMAIN]),
              ([mx(EOP, view="internal", addresses=[(EOP, "10.0.0.11")])], [DOMAIN]),
              # A name that only begins like the cloud's.
              ([mx("contoso-com.mail.protection.outlook.com.attacker.example")], [DOMAIN]),
              # Without an MX record mail goes to the domain's address.
              ([mx(), own("203.0.113.10")], [DOMAIN]), ([mx(), own("198.51.100.80")], [DOMAIN]), ([mx(), own("2001:db8:5::1")], [DOMAIN])],
    clean={"Exchange Online": [mx(EOP, addresses=[(EOP, "52.101.68.10")])],
           "written in capitals": [mx("CONTOSO-COM.MAIL.PROTECTION.OUTLOOK.COM")],
           "DANE": [mx("contoso-com.r-v1.mx.microsoft")],
           "sovereign clouds": [mx("contoso-us.mail.protection.office365.us"), mx("contoso-cn.mail.protection.partner.outlook.cn", domain="contoso.cn")],
           "gateway": [mx("mxa-1.gslb.pphosted.com", addresses=[("mxa-1.gslb.pphosted.com", "198.51.100.20")]), mx("MX.filter.example", domain="contoso.org")],
           "null MX": [mx("."), mx("", domain="contoso.org")],
           "no MX, no address": [mx(), own()],
           "no such domain": [mx(outcome="nxdomain")],
           "internal zone without MX": [mx(view="internal"), own("10.0.0.10", view="internal"), mx(view="internal", domain="contoso.org", outcome="nxdomain")],
           "the tenant's own name": [mx("elsewhere.example", domain="contoso.onmicrosoft.com")]},
    unjudged=[([mx(outcome=MISSING)], [DOMAIN]), ([mx(outcome=MISSING, view="internal")], [DOMAIN]), ([mx(), own(outcome=MISSING)], [DOMAIN]),
              ([mx()], [DOMAIN])])
SPECS["dns.mx-gateway"] = Spec(
    BOTH, also=[NETWORKS, GATEWAYS],
    violated=[([mx("mxa-1.gslb.pphosted.com")], [DOMAIN]), ([mx("mx.FILTER.example", view="internal")], [DOMAIN]), ([mx(EOP, "in.pphosted.com")], [DOMAIN])],
    clean={"Exchange Online": [mx(EOP)], "neither": [mx("mail.contoso.com")], "not the gateway's domain": [mx("pphosted.com.example")], "none": [mx(), own()]},
    unjudged=[([mx(outcome=MISSING)], [DOMAIN])])


def auto(*answers, domain="contoso.com", view="public", outcome=None, type_="A"):
    return dns(domain, "autodiscover", f"autodiscover.{domain}", type_, answers, outcome, view)


def srv(*targets, domain="contoso.com", view="public", outcome=None):
    return dns(domain, "autodiscover-srv", f"_autodiscover._tcp.{domain}", "SRV", targets, outcome, view)


OUTLOOK = ("CNAME", "autodiscover.outlook.com")


def unmade(parent, type_, *answers, outcome=None):
    """What a name that nobody makes answers, which tells a wildcard."""
    return dns("contoso.com", "wildcard", "unhybrid-nobody-made-this-name-q7x2." + parent, type_, answers, outcome)


SPECS["autodiscover.dns"] = Spec(
    BOTH, also=[NETWORKS],
    violated=[([auto("203.0.113.10")], [DOMAIN]), ([auto("2001:db8:5::10", type_="AAAA")], [DOMAIN]),
              ([auto("198.51.100.80")], [DOMAIN]),
              ([auto(("CNAME", "ex01.contoso.com"), "10.0.0.11", view="internal")], [DOMAIN]),
              # The alias leads nowhere any more, and still not to Exchange Online.
              ([auto(("CNAME", "gone.contoso.com"), outcome="nxdomain")], [DOMAIN]),
              ([auto(OUTLOOK), srv("mail.contoso.com")], [DOMAIN]),
              ([srv("mail.contoso.com"), auto(outcome="servfail")], [DOMAIN]),
              ([auto(), own("203.0.113.10")], [DOMAIN]),
              ([auto(("CNAME", "autodiscover.outlook.com.attacker.example"))], [DOMAIN])],
    clean={"Exchange Online": [auto(OUTLOOK, type_="CNAME"), auto(OUTLOOK, ("CNAME", "autod.ha-autod.office.com"), "52.96.222.8"), srv(outcome="nxdomain")],
           "a chain that ends there": [auto(("CNAME", "autodiscover.contoso.net"), OUTLOOK, "52.96.222.8")],
           "sovereign clouds": [auto(("CNAME", "autodiscover-s.office365.us")), auto(("CNAME", "autodiscover.partner.outlook.cn"), domain="contoso.cn")],
           "nothing published": [auto(outcome="nxdomain"), auto(type_="AAAA"), srv(), own("198.51.100.80")],
           "SRV to Exchange Online": [srv("autodiscover.outlook.com"), srv(".", domain="contoso.org")],
           "a domain controller's zone": [auto(OUTLOOK, view="internal"), own("10.0.0.10", view="internal")],
           "services by a wildcard": [auto(OUTLOOK), srv("autodiscover.outlook.com"), unmade("_tcp.contoso.com", "SRV", "mail.contoso.com")],
           "whether by a wildcard is not told": [auto(OUTLOOK), srv("autodiscover.outlook.com"), unmade("_tcp.contoso.com", "SRV", outcome="refused"),
                                                 unmade("contoso.com", "CNAME", outcome="timeout")],
           "alias known, address not": [auto(OUTLOOK, type_="CNAME"), auto(outcome="timeout")]},
    unjudged=[([auto(outcome=MISSING)], [DOMAIN]), ([auto(OUTLOOK), srv(outcome=MISSING)], [DOMAIN]), ([auto(), own(outcome=MISSING)], [DOMAIN])])


def scp(name, url, kind="AutodiscoverServiceConnectionPoint"):
    return obj(kind, name, {"ServiceBindingInformation": url} if kind.startswith("Auto") else {"AutoDiscoverServiceInternalUri": url})


SPECS["autodiscover.scp"] = Spec(
    ["on-premises:AutodiscoverServiceConnectionPoint"],
    violated=[([scp("EX01", ["https://mail.contoso.com/autodiscover/autodiscover.xml"])], [(P, "EX01")]),
              ([scp("EX02", ["https://autodiscover.outlook.com.contoso.com/autodiscover/autodiscover.xml"])], [(P, "EX02")]),
              ([scp("EX03", "https://ex03.contoso.com/autodiscover/autodiscover.xml", "ClientAccessService")], [(P, "EX03")]),
              # Two sources show one server once.
              ([scp("EX01", ["https://mail.contoso.com/a"]), scp("EX01", "https://mail.contoso.com/a", "ClientAccessService")], [(P, "EX01")])],
    clean={"cleared": [scp("EX01", None), scp("EX02", []), scp("EX03", None, "ClientAccessService")],
           "pointer to Exchange Online": [scp("Microsoft Exchange Online", ["https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"])],
           "pointer to a forest": [scp("fabrikam.com", ["LDAP://fabrikam.com"])],
           "with a port": [scp("EX01", ["https://autodiscover.outlook.com:443/autodiscover/autodiscover.xml"])]},
    unjudged=[([scp("EX01", MISSING)], [(P, "EX01")]), ([scp("EX02", MISSING, "ClientAccessService")], [(P, "EX02")])])

GOOD_SPF = "v=spf1 include:spf.protection.outlook.com -all"


def spf(*texts, role="spf", name="contoso.com", outcome=None):
    return dns("contoso.com", role, name, "TXT", texts, outcome)


SPECS["dns.spf"] = Spec(
    ["dns:public"], also=[NETWORKS],
    violated=[([mx(EOP), spf("v=spf1 ip4:203.0.113.0/24 -all")], [DOMAIN]),
              ([mx(EOP), spf("v=spf1 a:mail.contoso.com -all")], [DOMAIN]),
              ([mx(EOP), spf(GOOD_SPF, "v=spf1 -all")], [DOMAIN]),
              ([mx(EOP), spf("MS=ms12345678")], [DOMAIN]),
              ([mx(EOP), spf("v=spf1 include:spf.protection.outlook.com ip4:203.0.113.7 -all")], [DOMAIN]),
              ([mx(EOP), spf("v=spf1 include:spf.protection.outlook.com IP6:2001:db8:5::1 -all")], [DOMAIN]),
              # The mechanism is wider than the network that lies in it.
              ([mx(EOP), spf("v=spf1 include:spf.protection.outlook.com ip4:203.0.0.0/16 -all")], [DOMAIN]),
              ([mx(EOP), spf("v=spf1 include:_spf.contoso.com -all"), spf("v=spf1 include:spf.protection.outlook.com ip4:203.0.113.9 -all", role="spf-include", name="_spf.contoso.com")], [DOMAIN]),
              ([mx(EOP), spf("v=spf1 include:notspf.protection.outlook.com -all")], [DOMAIN])],
    clean={"good": [mx(EOP), spf(GOOD_SPF, "MS=ms12345678")],
           "in capitals": [mx(EOP), spf("V=SPF1 +INCLUDE:SPF.PROTECTION.OUTLOOK.COM ~ALL")],
           "by another record": [mx(EOP), spf("v=spf1 include:_spf.contoso.com -all"), spf("v=spf1 include:spf.protection.outlook.com -all", role="spf-include", name="_spf.contoso.com")],
           "redirect": [mx(EOP), spf("v=spf1 redirect=spf.protection.outlook.com")],
           "sends nothing, says so": [mx(EOP), spf("v=spf1 -all")],
           "sends nothing, has no MX": [mx("."), spf()],
           "the inside is no matter": [mx(EOP), spf(GOOD_SPF), dns("contoso.com", "spf", "contoso.com", "TXT", ["v=spf1 ip4:10.0.0.1 -all"], None, "internal")],
           "hostile text": [mx(EOP), spf('v=spf1 "],[" \\ include:spf.protection.outlook.com \u202e -all')]},
    unjudged=[([mx(EOP), spf(outcome=MISSING)], [DOMAIN]),
              ([mx(EOP), spf("v=spf1 include:_spf.contoso.com -all"), spf(role="spf-include", name="_spf.contoso.com", outcome=MISSING)], [DOMAIN]),
              ([mx(outcome=MISSING), spf()], [DOMAIN])])


def dkim(n, *targets, outcome=None):
    return dns("contoso.com", f"dkim{n}", f"selector{n}._domainkey.contoso.com", "CNAME", targets, outcome)


KEY1, KEY2 = (f"selector{n}-contoso-com._domainkey.contoso.onmicrosoft.com" for n in (1, 2))
SPECS["dns.dkim"] = Spec(
    ["dns:public", "cloud:DkimSigningConfig"],
    violated=[([mx(EOP), dkim(1, outcome="nxdomain"), dkim(2, outcome="nxdomain")], [DOMAIN]),
              ([mx(EOP), dkim(1, KEY1), dkim(2)], [DOMAIN]),
              ([mx(EOP), dkim(1, "s1.dkim.example"), dkim(2, KEY2)], [DOMAIN]),
              ([mx(EOP), dkim(1, KEY1), dkim(2, KEY2), cloud("DkimSigningConfig", "contoso.com", {"Domain": "contoso.com", "Enabled": False})], [DOMAIN])],
    clean={"enabled": [mx(EOP), dkim(1, KEY1), dkim(2, KEY2), cloud("DkimSigningConfig", "contoso.com", {"Domain": "contoso.com", "Enabled": True})],
           "the new zone": [mx(EOP), dkim(1, "selector1-contoso-com._domainkey.contoso.n-v1.dkim.mail.microsoft"), dkim(2, "selector2-contoso-com._domainkey.contoso.n-v1.dkim.mail.microsoft")],
           "takes no mail": [mx("."), dkim(1), dkim(2)],
           "the tenant's own name": [cloud("DkimSigningConfig", "contoso.onmicrosoft.com", {"Domain": "contoso.onmicrosoft.com", "Enabled": False})]},
    unjudged=[([mx(EOP), dkim(1, outcome=MISSING), dkim(2, KEY2)], [DOMAIN]),
              ([mx(outcome=MISSING), dkim(1), dkim(2)], [DOMAIN]),
              ([cloud("DkimSigningConfig", "contoso.com", {"Domain": "contoso.com", "Enabled": MISSING})], [DOMAIN])])


def sts(*texts, outcome=None):
    return dns("contoso.com", "mta-sts", "_mta-sts.contoso.com", "TXT", texts, outcome)


SPECS["dns.policy"] = Spec(
    ["dns:public"],
    violated=[([sts("v=STSv1; id=20260301T000000")], [DOMAIN])],
    clean={"none": [sts(outcome="nxdomain")], "something else": [sts("v=DMARC1; p=none")]},
    unjudged=[([sts(outcome=MISSING)], [DOMAIN])])

# ---- routing ----


def outbound(name, **properties):
    values = {"Enabled": True, "ConnectorType": "OnPremises", "RouteAllMessagesViaOnPremises": False, "SmartHosts": ["mail.contoso.com"]}
    values.update(properties)
    return cloud("OutboundConnector", name, values, listing="IncludeTestModeConnectors")


SPECS["routing.centralized"] = Spec(
    ["on-premises:HybridConfiguration", "cloud:OutboundConnector"],
    violated=[([outbound("Outbound to x", RouteAllMessagesViaOnPremises=True)], [(C, "Outbound to x")]),
              ([obj("HybridConfiguration", "Hybrid Configuration", {"Features": ["FreeBusy", "Centralized"]})], [(P, "Hybrid Configuration")]),
              ([obj("HybridConfiguration", "Hybrid Configuration", {"Features": "FreeBusy, CentralizedTransport"})], [(P, "Hybrid Configuration")])],
    clean={"off": [outbound("Outbound to x"), obj("HybridConfiguration", "Hybrid Configuration", {"Features": ["FreeBusy", "SecureMail"]})],
           "disabled": [outbound("Old", Enabled=False, RouteAllMessagesViaOnPremises=True)],
           "no features": [obj("HybridConfiguration", "Hybrid Configuration", {"Features": None})]},
    unjudged=[([outbound("x", RouteAllMessagesViaOnPremises=MISSING)], [(C, "x")]), ([outbound("y", RouteAllMessagesViaOnPremises=True, Enabled=MISSING)], [(C, "y")]),
              ([obj("HybridConfiguration", "Hybrid Configuration", {"Features": MISSING})], [(P, "Hybrid Configuration")])])


def rule(name, target, state="Enabled"):
    return cloud("TransportRule", name, {"RouteMessageOutboundConnector": target, "State": state})


SPECS["routing.outbound-connector"] = Spec(
    ["cloud:TransportRule", "cloud:OutboundConnector"],
    violated=[([rule("Copy", "To office"), outbound("To office", IsTransportRuleScoped=True)], [(C, "Copy")]),
              ([rule("Copy", "TO OFFICE"), outbound("To office", ConnectorType="onpremises"), outbound("To office", ConnectorType="OnPremises")], [(C, "Copy")])],
    clean={"partner": [rule("Adatum", "To Adatum"), outbound("To Adatum", ConnectorType="Partner")],
           "routes nothing": [rule("Disclaimer", None), outbound("To office")],
           "disabled": [rule("Old", "To office", "Disabled"), outbound("To office")]},
    unjudged=[([rule("x", MISSING)], [(C, "x")]), ([rule("y", "To office"), outbound("To office", ConnectorType=MISSING)], [(C, "y")]),
              ([rule("z", "Never read")], [(C, "z")]), ([rule("s", "To office", MISSING), outbound("To office")], [(C, "s")])])


ORG_GUID = "10000000-0000-4000-8000-00000000000a"


def other_forest(connector, **properties):
    return [obj("OrganizationConfig", "First", guid=ORG_GUID),
            cloud("OnPremisesOrganization", "Labs", {"OrganizationGuid": "20000000-0000-4000-8000-00000000000b", "OutboundConnector": connector, **properties})]


def to_domains(*domains, **properties):
    values = {"RecipientDomains": list(domains), "TestMode": False, "IsTransportRuleScoped": False}
    return outbound("To office", **{**values, **properties})


OWN = [cloud("AcceptedDomain", n, {"DomainName": n}) for n in ("contoso.com", "b\u00fccher.example")]
SPECS["routing.recipient-domain"] = Spec(
    ["cloud:OutboundConnector"], absence=["cloud:AcceptedDomain", "cloud:OnPremisesOrganization"],
    violated=[([OWN, to_domains("contoso.com", "erp.local")], [(C, "To office")]), ([OWN, to_domains("*")], [(C, "To office")]),
              ([OWN, to_domains("*.contoso.com")], [(C, "To office")]),
              ([OWN, to_domains("erp.local", SmartHosts=["mx1.filter.example", "mail.contoso.com"]), setting("mail_flow.gateways", "*.filter.example")],
               [(C, "To office")]),
              # This organisation's own holder names it.
              ([OWN, to_domains("erp.local"), other_forest("To office", OrganizationGuid="{" + ORG_GUID.upper() + "}")], [(C, "To office")])],
    clean={"the wizard's": [OWN, to_domains("contoso.com", "xn--bcher-kva.example")], "off": [OWN, to_domains("*", Enabled=False)],
           "partner": [OWN, to_domains("*", ConnectorType="Partner")], "test mode": [OWN, to_domains("erp.local", TestMode=True)],
           "of a rule": [OWN, to_domains("erp.local", IsTransportRuleScoped=True)],
           "centralized": [OWN, to_domains("*", RouteAllMessagesViaOnPremises=True)], "no domain": [OWN, to_domains()],
           "a gateway": [OWN, to_domains("*", SmartHosts=["MX1.filter.example"]), setting("mail_flow.gateways", "*.filter.example")],
           "another forest's": [OWN, to_domains("labs.example"), other_forest("TO OFFICE")]},
    unjudged=[*(([OWN, to_domains("erp.local", **{name: MISSING})], [(C, "To office")])
                for name in ("Enabled", "ConnectorType", "TestMode", "IsTransportRuleScoped", "RouteAllMessagesViaOnPremises", "SmartHosts")),
              ([OWN, to_domains("x", RecipientDomains=MISSING)], [(C, "To office")]),
              ([cloud("AcceptedDomain", "Main", {"DomainName": MISSING}), to_domains("contoso.com")], [(C, "To office")]),
              ([OWN, to_domains("erp.local"), other_forest(MISSING)], [(C, "To office")]),
              ([OWN, to_domains("erp.local"), other_forest("To office", OrganizationGuid=MISSING)], [(C, "To office")])])



def domain(name, type_="Authoritative", side=C, label=None):
    return obj("AcceptedDomain", label or name, {"DomainName": name, "DomainType": type_}, side)


SPECS["routing.accepted-domain"] = Spec(
    ["cloud:AcceptedDomain"],
    violated=[([domain("legacy.contoso.com", "InternalRelay", label="Old branch")], [(C, "legacy.contoso.com")])],
    clean={"authoritative": [domain("contoso.com"), domain("legacy.contoso.com", "ExternalRelay")], "on premises": [domain("legacy.contoso.com", "InternalRelay", P)]},
    unjudged=[([domain("contoso.com", MISSING)], [(C, "contoso.com")])])

RELAYED = domain("legacy.contoso.com", "InternalRelay")
SPECS["routing.relay-recipients"] = Spec(
    [RECIPIENT, "cloud:AcceptedDomain"], absence=["cloud:Mailbox", "cloud:Recipient"],
    violated=[([RELAYED, ad("depot@legacy.contoso.com", recipient_type_details=1)], [(P, "depot@legacy.contoso.com")]),
              # The primary address is elsewhere, the missing one is a second one.
              ([RELAYED, ad("info@contoso.com", addresses=["SMTP:info@contoso.com", "smtp:info@legacy.contoso.com"]), ex("info@contoso.com")], [(P, "info@contoso.com")]),
              ([RELAYED, ad("all@legacy.contoso.com", class_="msExchDynamicDistributionList", recipient_type_details=2048)], [(P, "all@legacy.contoso.com")]),
              # In the cloud it was deleted.
              ([RELAYED, ad("gone@legacy.contoso.com", recipient_type_details=REMOTE), ex("gone@legacy.contoso.com", listing="SoftDeletedMailbox")], [(P, "gone@legacy.contoso.com")])],
    clean={"there, written differently": [RELAYED, ad("Info@contoso.com", addresses=["SMTP:Info@contoso.com", "smtp:INFO@Legacy.Contoso.com"]),
                                          ex("info@contoso.com", addresses=["SMTP:info@contoso.com", "SMTP:Info@LEGACY.contoso.COM"])],
           "there as a contact": [RELAYED, ad("robot@legacy.contoso.com"), ex("robot@legacy.contoso.com", "Recipient", recipient_type_details="MailContact")],
           "other domains": [RELAYED, ad("ada@contoso.com"), ad("sub@x.legacy.contoso.com")],
           "Exchange's own": [RELAYED, *[ad(f"{n}@legacy.contoso.com", recipient_type_details=t) for t, n in {**SYSTEM_TYPES, 536870912: "discovery"}.items()],
                              ad("h@legacy.contoso.com", dn="CN=HealthMailbox12,CN=Users,DC=contoso,DC=com")],
           "X500 and others": [RELAYED, ad("ada@contoso.com", addresses=["SMTP:ada@contoso.com", "X500:/o=Contoso/cn=ada@legacy.contoso.com", "SIP:ada@contoso.com"])]},
    unjudged=[([RELAYED, ad("x@legacy.contoso.com", addresses=MISSING)], [(P, "x@legacy.contoso.com")]),
              # It may be one of Exchange's own, which are never synchronised.
              ([RELAYED, ad("z@legacy.contoso.com", recipient_type_details=MISSING)], [(P, "z@legacy.contoso.com")]),
              ([RELAYED, ad("y@legacy.contoso.com"), ex("z@contoso.com", addresses=MISSING)], [(P, "y@legacy.contoso.com")])])

SPECS["routing.unverified-domain"] = Spec(
    ["on-premises:AcceptedDomain"], absence=["cloud:AcceptedDomain"],
    violated=[([domain("events.example", side=P), domain("contoso.com")], [(P, "events.example")]),
              ([domain("*.events.example", side=P), domain("contoso.com")], [(P, "*.events.example")])],
    clean={"verified": [domain("Contoso.COM", side=P, label="Default"), domain("contoso.com")], "wildcard of a verified one": [domain("*.contoso.com", side=P), domain("contoso.com")],
           "everything": [domain("*", side=P), domain("contoso.com")], "IDN": [domain("bücher.example", side=P), domain("xn--bcher-kva.example")]},
    unjudged=[])


def send(name, spaces, kind="SendConnector", **properties):
    values = {"Enabled": True, "AddressSpaces": spaces, "CloudServicesMailEnabled": False, "TlsDomain": None, "SmartHosts": []}
    values.update(properties)
    return obj(kind, name, values)


TENANT_SPACE = "smtp:contoso.mail.onmicrosoft.com;1"
HYBRID = {"CloudServicesMailEnabled": True, "TlsDomain": "mail.protection.outlook.com"}
SEND_NEEDS = [f"on-premises:{k}" for k in ("SendConnector", "ForeignConnector", "DeliveryAgentConnector")]
SPECS["routing.send-connector"] = Spec(
    SEND_NEEDS,
    violated=[([send("Internet", ["SMTP:*;1"], SmartHosts=["smtp.isp.example"])], [(P, "Internet")]),
              # The wizard's name makes no wizard's connector, and one with a further address space is shared.
              ([send("Outbound to Office 365 - 5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003", ["SMTP:*;1"])], [(P, "Outbound to Office 365 - 5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003")]),
              ([send("Outbound to Office 365", [TENANT_SPACE, "smtp:groups.contoso.com;1"], **HYBRID)], [(P, "Outbound to Office 365")]),
              ([send("Plain", [TENANT_SPACE])], [(P, "Plain")]),
              ([send("Fax", ["FAX:*;1"], "ForeignConnector"), send("Agent", ["X400:*;1"], "DeliveryAgentConnector")], [(P, "Agent"), (P, "Fax")])],
    clean={"the wizard's, under another name": [send("Nach Office 365", ["SMTP:contoso.mail.onmicrosoft.com;1"], **HYBRID)], "disabled": [send("Old", ["SMTP:*;1"], Enabled=False)],
           "text messages": [send("Text Messaging Delivery Agent Connector", ["MOBILE:*;1"], "DeliveryAgentConnector")]},
    unjudged=[([send("x", ["SMTP:*;1"], Enabled=MISSING)], [(P, "x")]), ([send("y", MISSING)], [(P, "y")]),
              ([send("z", [TENANT_SPACE], CloudServicesMailEnabled=MISSING)], [(P, "z")]),
              ([send("w", [TENANT_SPACE], CloudServicesMailEnabled=False, TlsDomain=MISSING)], [(P, "w")])])

TENANT = domain("contoso.mail.onmicrosoft.com")
SPECS["routing.address"] = Spec(
    [RECIPIENT, "cloud:AcceptedDomain"],
    violated=[([TENANT, ad("m@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:m@legacy.contoso.com")], [(P, "m@contoso.com")]),
              ([TENANT, ad("o@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:o@contoso-old.mail.onmicrosoft.com")], [(P, "o@contoso.com")]),
              ([TENANT, ad("n@contoso.com", recipient_type_details=REMOTE)], [(P, "n@contoso.com")]),
              ([TENANT, local("e@contoso.com", "RemoteMailbox", remote_routing_address="SMTP:e@contoso.com")], [(P, "e@contoso.com")])],
    clean={"in the tenant": [TENANT, ad("a@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:a@Contoso.mail.onmicrosoft.com"),
                             local("b@contoso.com", "RemoteMailbox", remote_routing_address="b@contoso.mail.onmicrosoft.com")],
           "no remote mailbox": [TENANT, ad("c@contoso.com", class_="contact", recipient_type_details=64, target_address="SMTP:c@adatum.example")]},
    unjudged=[([TENANT, ad("x@contoso.com", recipient_type_details=REMOTE, target_address=MISSING)], [(P, "x@contoso.com")]),
              ([TENANT, ad("y@contoso.com", recipient_type_details=MISSING, target_address="SMTP:y@contoso.com")], [(P, "y@contoso.com")])])

def away(address, domain="contoso-b.mail.onmicrosoft.com", **values):
    return ad(address, **{"recipient_type_details": REMOTE, "target_address": f"SMTP:{address.split('@')[0]}@{domain}", **values})


BOX = "00000000-0000-4000-8000-0000000b0b0b"
SPECS["forest.tenant"] = Spec(
    [RECIPIENT], absence=["cloud:AcceptedDomain", "cloud:Mailbox"],
    violated=[([TENANT, away("b@contoso.com"), away("c@contoso.com"), ex("a@contoso.com")], [(P, "contoso-b.mail.onmicrosoft.com")]),
              ([TENANT, away("s@contoso.com", "Contoso-G.mail.onmicrosoft.us", recipient_type_details=1 << 35)], [(P, "contoso-g.mail.onmicrosoft.us")]),
              ([TENANT, away("d@contoso.com", "contoso-d.onmicrosoft.com", mailbox_guid=BOX), ex("e@contoso.com", exchange_guid=guid())],
               [(P, "contoso-d.onmicrosoft.com")]),
              # In this tenant there is a mail user for it, and a mailbox that was deleted.
              ([TENANT, away("f@contoso.com"), ex("f@contoso.com", "Recipient", recipient_type_details="MailUser"),
                ex("f@contoso.com", listing="SoftDeletedMailbox")], [(P, "contoso-b.mail.onmicrosoft.com")])],
    clean={"here": [TENANT, away("a@contoso.com", "contoso.mail.onmicrosoft.com")],
           "here, an old target address": [TENANT, away("m@contoso.com"), ex("M@Contoso.com")],
           "here by its GUID": [TENANT, away("m@contoso.com", mailbox_guid=BOX), ex("new@contoso.com", exchange_guid=BOX)],
           "no remote mailbox": [TENANT, away("k@contoso.com", class_="contact", recipient_type_details=64), away("u@contoso.com", recipient_type_details=128)],
           "no tenant's name": [TENANT, ad("x@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:x@legacy.contoso.com")]},
    unjudged=[([TENANT, away("x@contoso.com", target_address=MISSING)], [(P, "x@contoso.com")]),
              ([TENANT, away("y@contoso.com", recipient_type_details=MISSING)], [(P, "y@contoso.com")]),
              ([TENANT, away("z@contoso.com", mailbox_guid=MISSING), ex("o@contoso.com", exchange_guid=BOX)], [(P, "z@contoso.com")]),
              ([TENANT, away("w@contoso.com"), ex("o@contoso.com", primary_address=MISSING)], [(P, "w@contoso.com")]),
              ([TENANT, away("v@contoso.com", mailbox_guid=BOX), ex("o@contoso.com", exchange_guid=MISSING)], [(P, "v@contoso.com")]),
              ([cloud("AcceptedDomain", "Main", {"DomainName": MISSING}), away("t@contoso.com")], [(P, "t@contoso.com")])])

# ---- relay ----

ALL4, ALL6 = "0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
AUTH31 = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
AUTH15 = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS"


def receive(name, port=25, role="FrontendTransport", auth=AUTH31, ranges=(ALL4, ALL6), bindings=None, **properties):
    values = {"Enabled": True, "TransportRole": role, "AuthMechanism": auth, "RemoteIPRanges": list(ranges) if not isinstance(ranges, Missing) else ranges,
              "Bindings": bindings or [f"[::]:{port}", f"0.0.0.0:{port}"], "AnyRecipientFor": ["S-1-5-11"], "PermissionGroups": "AnonymousUsers, ExchangeServers"}
    values.update(properties)
    return obj("ReceiveConnector", name, values)


FACTORY = [receive("Default EX01", 2525, "HubTransport"), receive("Client Proxy EX01", 465, "HubTransport"), receive("Standard-Frontend EX01", 25),
           receive("Outbound Proxy Frontend EX01", 717), receive("Client Frontend EX01", 587, auth=AUTH15)]
HCW = receive("Default Frontend EX01", 25, TlsDomainCapabilities=["mail.protection.outlook.com:AcceptCloudServicesMail"], TlsCertificateName="<I>CN=CA<S>CN=mail.contoso.com")
SPECS["relay.receive-connector"] = Spec(
    ["on-premises:ReceiveConnector"],
    violated=[([receive("Anonymous", auth="Tls", ranges=["10.10.0.21"], AnyRecipientFor=["S-1-5-11", "S-1-5-7"])], [(P, "Anonymous")]),
              ([receive("ERP", auth="ExternalAuthoritative", ranges=["10.10.9.14"], AnyRecipientFor=[])], [(P, "ERP")]),
              ([receive("Default Frontend EX01", AnyRecipientFor=["s-1-5-7"])], [(P, "Default Frontend EX01")]),
              ([receive("Six", ranges=["2001:db8:5::/64"], AnyRecipientFor=["S-1-5-7"], AuthMechanism=MISSING)], [(P, "Six")])],
    clean={"factory": FACTORY, "as the wizard left it": [HCW], "disabled": [receive("Old", AnyRecipientFor=["S-1-5-7"], Enabled=False)],
           "users who logged on": [receive("Users", AnyRecipientFor=["S-1-5-11", "S-1-5-21-1-2-3-500"])]},
    unjudged=[([receive("x", AnyRecipientFor=MISSING)], [(P, "x")]), ([receive("y", AuthMechanism=MISSING)], [(P, "y")]),
              ([receive("z", AnyRecipientFor=["S-1-5-7"], Enabled=MISSING)], [(P, "z")])])
SPECS["relay.custom-connector"] = Spec(
    ["on-premises:ReceiveConnector"],
    violated=[([receive("Printers", 25, auth="Tls", ranges=["10.10.0.21"])], [(P, "Printers")]),
              ([receive("Ports", 2587)], [(P, "Ports")]),
              ([receive("Client Proxy EX02", 465, "HubTransport", ranges=["10.20.0.0/24"])], [(P, "Client Proxy EX02")]),
              ([receive("Narrow six", ranges=[ALL4, "2001:db8:5::/64"])], [(P, "Narrow six")]),
              ([receive("Only six", ranges=[ALL6])], [(P, "Only six")]),
              ([receive("Default Frontend EX01", bindings=["10.0.0.11:25"])], [(P, "Default Frontend EX01")]),
              ([receive("No factory port", 2588, AuthMechanism=MISSING)], [(P, "No factory port")]),
              ([receive("Wrong role", 25, "HubTransport")], [(P, "Wrong role")]),
              ([receive("More ways", 25, auth=AUTH31 + ", ExternalAuthoritative")], [(P, "More ways")]),
              ([receive("Fewer ways", 587, auth="Tls, BasicAuth")], [(P, "Fewer ways")])],
    clean={"factory, whatever its name": FACTORY, "as the wizard left it": [HCW], "disabled": [receive("Old", 2588, Enabled=False)],
           "written as networks": [receive("Default Frontend EX01", ranges=["0.0.0.0/0", "::/0"])],
           "lists for texts": [receive("Default Frontend EX01", auth=AUTH31.split(", "), role=["FrontendTransport"])]},
    unjudged=[([receive("x", ranges=MISSING)], [(P, "x")]), ([receive("y", AuthMechanism=MISSING)], [(P, "y")]), ([receive("z", TransportRole=MISSING)], [(P, "z")]),
              ([receive("b", Bindings=MISSING)], [(P, "b")]), ([receive("e", 2587, Enabled=MISSING)], [(P, "e")])])


def inbound(name, **properties):
    values = {"Enabled": True, "ConnectorType": "OnPremises", "ConnectorSource": "HybridWizard", "SenderIPAddresses": [], "TlsSenderCertificateName": "CN=mail.contoso.com"}
    values.update(properties)
    return cloud("InboundConnector", name, values)


SPECS["relay.inbound-connector"] = Spec(
    ["cloud:InboundConnector"],
    violated=[([inbound("Branch", ConnectorSource="AdminUI", SenderIPAddresses=["203.0.113.40"])], [(C, "Branch")]),
              ([inbound("ERP", ConnectorSource="AdminUI", TlsSenderCertificateName="erp.contoso.com")], [(C, "ERP")]),
              ([inbound("Inbound from 5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003", SenderIPAddresses=["203.0.113.40"])], [(C, "Inbound from 5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003")]),
              ([inbound("Inbound from 5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003", ConnectorSource="Default")], [(C, "Inbound from 5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003")])],
    clean={"the wizard's": [inbound("Anything", ConnectorSource="hybridwizard")], "disabled": [inbound("Old", ConnectorSource="AdminUI", Enabled=False)],
           "partner": [inbound("Adatum", ConnectorType="Partner", ConnectorSource="AdminUI", SenderIPAddresses=["198.51.100.1"])]},
    unjudged=[([inbound("x", ConnectorSource=MISSING)], [(C, "x")]), ([inbound("y", SenderIPAddresses=MISSING)], [(C, "y")]),
              ([inbound("z", ConnectorType=MISSING, ConnectorSource="AdminUI")], [(C, "z")])])

# ---- migrations ----

SPECS["migration.move-request"] = Spec(
    ["on-premises:MoveRequest", RECIPIENT],
    violated=[([obj("MoveRequest", "Import HR", {"Status": "Completed"}), obj("MoveRequest", "Ada", {"Status": {"@answer": "refused"}})], [(P, "Ada"), (P, "Import HR")]),
              ([ad("g@contoso.com", recipient_type_details=1, move_status=2, move_batch="MigrationService:Wave 2"), ad("d@contoso.com", recipient_type_details=REMOTE, move_status=10)],
               [(P, "d@contoso.com"), (P, "g@contoso.com")])],
    clean={"no move": [ad("n@contoso.com", recipient_type_details=1)], "in the cloud": [cloud("MoveRequest", "Ada", {"Status": "InProgress"})]},
    unjudged=[([ad("x@contoso.com", recipient_type_details=1, move_status=MISSING)], [(P, "x@contoso.com")])])
SPECS["migration.batch"] = Spec(
    ["cloud:MigrationBatch", "cloud:MoveRequest"],
    violated=[([cloud("MigrationBatch", s, {"Status": s}) for s in ("Syncing", "Synced", "Failed", "Stopped", "Created", "Completing", "CompletionInProgress")],
               [(C, s) for s in ("Completing", "CompletionInProgress", "Created", "Failed", "Stopped", "Synced", "Syncing")]),
              ([cloud("MoveRequest", "Ada", {"Status": "InProgress"}), cloud("MoveRequest", "Bob", {"Status": {"Value": "Queued"}})], [(C, "Ada"), (C, "Bob")])],
    clean={"finished": [cloud("MigrationBatch", "W1", {"Status": "Completed"}), cloud("MigrationBatch", "W2", {"Status": {"Value": "Completed"}}), cloud("MigrationBatch", "W3", {"Status": "Removing"}),
                        cloud("MoveRequest", "Ada", {"Status": "CompletedWithWarning"}), cloud("MoveRequest", "Bob", {"MoveStatus": "Completed"})],
           "on premises": [obj("MoveRequest", "Ada", {"Status": "InProgress"})]},
    unjudged=[([cloud("MigrationBatch", "x", {"Status": MISSING})], [(C, "x")]), ([cloud("MoveRequest", "y", {"Status": MISSING})], [(C, "y")])])
SPECS["migration.mrs-proxy"] = Spec(
    ["on-premises:WebServicesVirtualDirectory"],
    violated=[([obj("WebServicesVirtualDirectory", "EWS (Default Web Site)", {"MRSProxyEnabled": True}, identity="EX01\\EWS (Default Web Site)")], [(P, "EWS (Default Web Site)")])],
    clean={"off": [obj("WebServicesVirtualDirectory", "EWS (Default Web Site)", {"MRSProxyEnabled": False})]},
    unjudged=[([obj("WebServicesVirtualDirectory", "EWS (Default Web Site)", {"MRSProxyEnabled": MISSING})], [(P, "EWS (Default Web Site)")])])

# ---- servers ----


def server(name, role="Mailbox, ClientAccess, HubTransport, FrontendTransport", fqdn=None, **properties):
    values = {"ServerRole": role, "Fqdn": fqdn or f"{name}.contoso.com"}
    values.update(properties)
    return obj("ExchangeServer", name, values)


def computer(name, fqdn=None, short=None):
    return obj("ExchangeComputer", name, {"DNSHostName": fqdn or f"{name.lower()}.contoso.com", "SamAccountName": short or f"{name}$"})


SERVER_NEEDS = ["on-premises:ExchangeServer"]
LOOKED = a_set("on-premises:ExchangeComputer")
SPECS["server.last"] = Spec(
    SERVER_NEEDS, also=[LOOKED],
    violated=[([server("EX01"), server("EX02"), computer("EX01"), computer("EX02")], [(P, "EX01"), (P, "EX02")]),
              ([server("EX01"), server("EDGE1", "Edge"), computer("EX01")], [(P, "EDGE1"), (P, "EX01")]),
              ([server("HUB1", "HubTransport"), computer("HUB1")], [(P, "HUB1")]),
              ([server("EX09")], [(P, "contoso")]),
              ([], [(P, "contoso")])],
    clean={"one": [server("EX01"), computer("EX01")], "one, and a ghost": [server("EX01"), server("EX09"), computer("EX01")],
           "one, seen twice": [server("EX01"), obj("ExchangeServer", "ex01", {"ServerRole": "Mailbox", "Fqdn": "EX01.contoso.com"}, source="exchange-export"), computer("EX01")],
           "role as a number": [server("EX01", 16423), computer("EX01")]},
    unjudged=[([server("EX01", MISSING), computer("EX01")], [(P, "EX01")]),
              # An Edge server has no computer account: this may be one.
              ([server("EX01"), computer("EX01"), server("EDGE1", MISSING)], [(P, "EDGE1")]),
              ([server("EDGE1", MISSING)], [(P, "EDGE1")]),
              # One of its two names may be a server's.
              ([server("EX01"), computer("EX02", MISSING)], [(P, "EX01")]),
              ([server("EX01"), computer("EX02", short=MISSING)], [(P, "EX01")])])
SPECS["server.ghost"] = Spec(
    SERVER_NEEDS, absence=["on-premises:ExchangeComputer"],
    violated=[([server("EX01"), computer("EX01"), server("EX09")], [(P, "EX09")])],
    clean={"account there": [server("EX01"), computer("EX01")], "written differently": [server("ex01", fqdn="EX01.CONTOSO.COM."), computer("EX01")],
           "renamed in DNS": [server("EX01"), computer("EX01", "ex01.corp.contoso.com")], "an Edge server": [server("EDGE1", "Edge")]},
    unjudged=[([server("EX01", Fqdn=MISSING)], [(P, "EX01")]), ([server("EX01"), computer("EX02", MISSING)], [(P, "EX01")]),
              ([server("EX01"), computer("EX02", short=MISSING)], [(P, "EX01")])])
SPECS["server.dag"] = Spec(
    ["on-premises:DatabaseAvailabilityGroup"],
    violated=[([obj("DatabaseAvailabilityGroup", "DAG01", {"Servers": ["EX01", "EX02"]})], [(P, "DAG01")]), ([obj("DatabaseAvailabilityGroup", "DAG02", {"Servers": "EX01"})], [(P, "DAG02")])],
    clean={"empty": [obj("DatabaseAvailabilityGroup", "DAG01", {"Servers": []})]},
    unjudged=[([obj("DatabaseAvailabilityGroup", "DAG01", {"Servers": MISSING})], [(P, "DAG01")])])

# ---- unified messaging, journaling, Edge ----


def version(name, text, **properties):
    return server(name, AdminDisplayVersion=text, **properties)


OLD, NEW = version("EX16", "Version 15.1 (Build 2507.6)"), version("EX19", "Version 15.2 (Build 1544.4)")


def device(kind, name, status=0, **properties):
    return obj(kind, name, {"Status": status, **properties})


def extension(address, **values):
    return ad(address, recipient_type_details=1, addresses=[f"SMTP:{address}", "EUM:4711;phone-context=HQ.contoso.com"], **values)


SPECS["um.in-use"] = Spec(
    ["on-premises:UMIPGateway", "on-premises:UMAutoAttendant", RECIPIENT, "on-premises:ExchangeServer"],
    violated=[
        ([NEW, OLD, device("UMIPGateway", "PBX 1", Address="pbx1.contoso.com"), device("UMAutoAttendant", "Reception", 3)], [(P, "PBX 1"), (P, "Reception")]),
        ([OLD, device("UMIPGateway", "PBX 2", "Enabled"), device("UMIPGateway", "PBX 3", "NoNewCalls")], [(P, "PBX 2"), (P, "PBX 3")]),
        ([OLD, extension("ada@contoso.com", home_mdb=DB)], [(P, "ada@contoso.com")]),
        ([version("EX10", "Version 14.3 (Build 123.4)"), obj("UMMailbox", "Grace", {"UMEnabled": True, "Extensions": ["4711"]})], [(P, "Grace")])],
    clean={
        "none": [OLD, ad("u@contoso.com", recipient_type_details=1, home_mdb=DB)],
        "2019 has none": [NEW, device("UMIPGateway", "PBX 1"), device("UMAutoAttendant", "Reception", {"@answer": "refused"}), extension("ada@contoso.com", home_mdb=DB)],
        "an Edge server of 2016": [NEW, version("EDGE1", "Version 15.1 (Build 2507.6)", ServerRole="Edge"), device("UMIPGateway", "PBX 1")],
        "disabled": [OLD, device("UMIPGateway", "PBX 1", "Disabled")],
        "moved": [OLD, ad("r@contoso.com", recipient_type_details=REMOTE, addresses=["SMTP:r@contoso.com", "EUM:4711;phone-context=HQ.contoso.com"])],
        "not enabled": [OLD, obj("UMMailbox", "Grace", {"UMEnabled": False})]},
    unjudged=[([version("EX", MISSING), device("UMIPGateway", "PBX 1")], [(P, "PBX 1")]),
              ([version("EX", "Version 15.1 (Build 2507.6)", ServerRole=MISSING), device("UMIPGateway", "PBX 1")], [(P, "PBX 1")]),
              ([OLD, device("UMAutoAttendant", "Reception", MISSING)], [(P, "Reception")]),
              ([OLD, ad("x@contoso.com", recipient_type_details=1, home_mdb=DB, addresses=MISSING)], [(P, "x@contoso.com")]),
              ([OLD, extension("y@contoso.com", home_mdb=MISSING)], [(P, "y@contoso.com")]),
              ([OLD, obj("UMMailbox", "Grace", {"UMEnabled": MISSING})], [(P, "Grace")])])

JOURNAL_NEEDS = [RECIPIENT, "on-premises:AcceptedDomain", "cloud:AcceptedDomain"]
DOMAINS = [cloud("AcceptedDomain", "contoso.com", {"DomainName": "contoso.com"}), obj("AcceptedDomain", "contoso.local", {"DomainName": "contoso.local"})]


def journal(name, to, enabled=True, side="on-premises"):
    return obj("JournalRule", name, {"JournalEmailAddress": to, "Enabled": enabled, "Recipient": None, "Scope": "Global"}, side)


KEEPER = ad("journal@contoso.com", recipient_type_details=1, home_mdb=DB, addresses=["SMTP:journal@contoso.com", "smtp:keep@Bücher.example"])
SPECS["journal.target"] = Spec(
    ["on-premises:JournalRule", "cloud:JournalRule", *JOURNAL_NEEDS], also=DOMAINS,
    violated=[
        ([KEEPER, journal("Everything", "Journal@CONTOSO.com"), journal("Board", "keep@xn--bcher-kva.example", side="cloud")], [(P, "Everything"), (C, "Board")]),
        ([local("j@contoso.com"), journal("Everything", "j@contoso.com"), ex("j@contoso.com", "MailUser", is_dir_synced=True)], [(P, "Everything")]),
        # One mailbox seen decides, whatever the others hide.
        ([KEEPER, ad("y@contoso.com", recipient_type_details=1, home_mdb=DB, addresses={"answer": "refused"}), journal("Everything", "journal@contoso.com")], [(P, "Everything")])],
    clean={
        "outside": [KEEPER, journal("Everything", "contoso@vault.example"), journal("Cloud", "contoso@vault.example", side="cloud")],
        "disabled": [KEEPER, journal("Everything", "journal@contoso.com", False)],
        "a contact": [ad("vault@contoso.com", class_="contact", recipient_type_details=64, target_address="SMTP:v@vault.example"), journal("Everything", "vault@contoso.com")],
        "a moved mailbox": [ad("moved@contoso.com", recipient_type_details=REMOTE), journal("Everything", "moved@contoso.com")],
        "a mailbox of the cloud alone": [ex("only@contoso.com"), journal("Cloud", "only@contoso.com", side="cloud")],
        "a contact of the cloud alone": [ex("v@contoso.com", "MailContact", recipient_type_details="MailContact"), journal("Cloud", "v@contoso.com", side="cloud")]},
    unjudged=[([KEEPER, journal("Everything", MISSING)], [(P, "Everything")]), ([KEEPER, journal("Everything", "journal@contoso.com", MISSING)], [(P, "Everything")]),
              ([journal("Everything", "nobody@contoso.com"), journal("Other", "nobody@contoso.local")], [(P, "Everything"), (P, "Other")]),
              ([journal("Everything", "outside@vault.example"), cloud("AcceptedDomain", "Vault", {"DomainName": MISSING})], [(P, "Everything")]),
              ([ad("x@contoso.com", recipient_type_details=1, home_mdb=DB, addresses=MISSING), journal("Cloud", "outside@vault.example", side="cloud")], [(C, "Cloud")]),
              ([ad("x@contoso.com", recipient_type_details=MISSING, home_mdb=None), journal("Everything", "x@contoso.com")], [(P, "Everything")]),
              ([ad("g@contoso.com", class_="group", recipient_type_details=256), journal("Everything", "g@contoso.com")], [(P, "Everything")])])


def reports_to(address, side="on-premises"):
    return obj("TransportConfig", "Transport Settings", {"JournalingReportNdrTo": address}, side)


SPECS["journal.undeliverable"] = Spec(
    ["on-premises:TransportConfig", "cloud:TransportConfig", *JOURNAL_NEEDS], also=DOMAINS,
    violated=[([KEEPER, reports_to("journal@contoso.com"), reports_to("journal@contoso.com", C)], [(P, "contoso"), (C, "contoso")])],
    clean={"not set": [KEEPER, reports_to("<>"), reports_to("<>", C)], "empty": [reports_to(None)], "outside": [reports_to("ndr@vault.example", C)],
           "a contact": [ad("vault@contoso.com", class_="contact", recipient_type_details=64, target_address="SMTP:v@vault.example"), reports_to("vault@contoso.com")],
           "a mailbox of the cloud alone": [ex("only@contoso.com"), reports_to("only@contoso.com", C)],
           "a contact of the cloud alone": [ex("v@contoso.com", "MailContact", recipient_type_details="MailContact"), reports_to("v@contoso.com", C)]},
    unjudged=[([reports_to(MISSING, C)], [(C, "contoso")]), ([reports_to("nobody@contoso.com")], [(P, "contoso")]),
              ([local("x@contoso.com", addresses=MISSING), reports_to("outside@vault.example", C)], [(C, "contoso")]),
              ([reports_to("outside@vault.example"), cloud("AcceptedDomain", "Vault", {"DomainName": MISSING})], [(P, "contoso")])])

SPECS["edge.subscription"] = Spec(
    SERVER_NEEDS,
    violated=[([server("EX01"), server("EDGE1", "Edge"), obj("SendConnector", "EdgeSync - HQ to Internet", {"SourceTransportServers": ["EDGE1"]})], [(P, "EDGE1")]),
              ([server("EX01"), server("EDGE2", 64)], [(P, "EDGE2")]),
              ([server("EX01"), server("EDGE3", {"@answer": "refused"}, IsEdgeServer=True)], [(P, "EDGE3")]),
              ([obj("EdgeSubscription", "EDGE4", {"Site": "HQ"})], [(P, "EDGE4")])],
    clean={"no Edge server": [server("EX01"), server("EX02", 16423)]},
    unjudged=[([server("EX01", MISSING)], [(P, "EX01")])])

# ---- synchronisation, Management Tools ----


def synced(enabled=True, last="2027-01-15T07:30:00Z"):
    return cloud("GraphOrganization", "Contoso", {"onPremisesSyncEnabled": enabled, "onPremisesLastSyncDateTime": last})


def engine(text):
    return cloud("GraphSynchronizationClient", "11111111-2222-4333-8444-0c0000000001", {"configuration": {"synchronizationClientVersion": text}})


CONTOSO = [(C, "Contoso")]
SPECS["sync.version"] = Spec(
    ["cloud:GraphOrganization"],
    violated=[([synced(), engine(old)], CONTOSO) for old in ("2.5.79.0", "2.5.189.9", "2.4.200.0", "1.6.4.0", "2.5")],
    clean={**{f"version {new}": [synced(), engine(new)] for new in ("2.5.190.0", "2.5.190.1", "2.6.1.0", "2.10.0.0", "3.0")},
           "not synchronised": [synced(None)], "no longer synchronised": [synced(False), engine("2.5.79.0")]},
    unjudged=[([synced()], CONTOSO), ([synced(), engine(None)], CONTOSO), ([synced(), engine("new")], CONTOSO), ([synced(), engine("2.5.190.0; x")], CONTOSO),
              ([synced(MISSING), engine("2.5.190.0")], CONTOSO), ([synced(), cloud("GraphSynchronizationClient", "x", {"configuration": MISSING})], CONTOSO)])
SPECS["sync.recent"] = Spec(
    ["cloud:GraphOrganization"],
    violated=[([synced(last="2027-01-15T04:58:59Z")], CONTOSO), ([synced(last="2024-02-29T00:00:00Z")], CONTOSO), ([synced(last=None)], CONTOSO)],
    clean={"half an hour ago": [synced()], "three hours ago": [synced(last="2027-01-15T04:59:30Z")], "not synchronised": [synced(None, None)],
           "no longer synchronised": [synced(False, "2024-02-29T00:00:00Z")]},
    unjudged=[([synced(last=MISSING)], CONTOSO), ([synced(MISSING)], CONTOSO), ([synced(last="2027-01-15T08:30:00Z")], CONTOSO), ([synced(last="yesterday")], CONTOSO),
              ([synced(last="2027-01-15T07:40:00")], CONTOSO)])


def refusal(resolved=False):
    return {"serviceInstance": "exchange/eur", "isResolved": resolved, "errorDetail": "<ErrorCode>ExchangeManagedAttributesUpdateNotAllowed</ErrorCode>"}


SPECS["sync.rejected"] = Spec(
    ["cloud:GraphProvisioningError"],
    violated=[([graph_user("a@contoso.com", [], [refusal()])], [(C, "a@contoso.com")]), ([graph_user("b@contoso.com", MISSING, [refusal(True), refusal()])], [(C, "b@contoso.com")]),
              ([graph_user("c@contoso.com", [{"category": "ExchangeManagedAttributesUpdateNotAllowed"}], MISSING)], [(C, "c@contoso.com")])],
    clean={"resolved": [graph_user("a@contoso.com", [], [refusal(True)])], "another error": [graph_user("b@contoso.com", [CONFLICT], [{"isResolved": False}])]},
    unjudged=[([graph_user("a@contoso.com", MISSING, [])], [(C, "a@contoso.com")]), ([graph_user("b@contoso.com", [CONFLICT], MISSING)], [(C, "b@contoso.com")])])

EXCHANGE_GROUPS = {"C262A929D691B74A9E068728F8F842EA": "Organization Management", "A7D2016C83F003458132789EEB127B84": "Exchange Servers",
                   "EA876A58DB6DD04C9006939818F800EB": "Exchange Trusted Subsystem", "4C17D0117EBE6642AFAEE03BC66D381F": "Exchange Windows Permissions"}


def known(change=lambda guid, dn: f"B:32:{guid}:{dn}"):
    values = [change(g, f"CN={name},OU=Microsoft Exchange Security Groups,DC=contoso,DC=com") for g, name in EXCHANGE_GROUPS.items()]
    return obj("ExchangeContainer", "Microsoft Exchange", {"OtherWellKnownObjects": [v for v in values if v]})


EX01 = obj("ExchangeServer", "EX01", {})
WITHOUT_ONE = lambda guid, dn: None if "Windows" in dn else f"B:32:{guid}:{dn}"   # noqa: E731


SPECS["tools.in-use"] = Spec(
    ["on-premises:ManagementToolsGroup", "on-premises:ExchangeContainer"], blind=True,
    violated=[
        ([known(), obj("ManagementToolsGroup", "Recipient Management EMT", {"Members": []})], [(P, "Recipient Management EMT")]),
        ([known(), obj("ManagementToolsGroup", "EMT", {"Members": MISSING})], [(P, "EMT")]),
        ([known(WITHOUT_ONE), EX01], [(P, "Microsoft Exchange")]), ([known(WITHOUT_ONE), EX01, a_set("on-premises:ExchangeServer", "partial")], [(P, "Microsoft Exchange")]),
        ([known(lambda guid, dn: f"B:32:{guid}:CN=x\\0ADEL:{guid},CN=Deleted Objects,DC=contoso,DC=com"), EX01], [(P, "Microsoft Exchange")])],
    clean={"nothing": [known()], "renamed groups": [known(lambda guid, dn: f"B:32:{guid.lower()}:CN=Gruppe,DC=contoso,DC=com")],
           "the uninstall took them": [known(WITHOUT_ONE), a_set("on-premises:ExchangeServer", "complete")]},
    unjudged=[([known(WITHOUT_ONE)], [(P, "Microsoft Exchange")]), ([known(WITHOUT_ONE), a_set("on-premises:ExchangeServer", "partial")], [(P, "Microsoft Exchange")]),
              ([obj("ExchangeContainer", "Microsoft Exchange", {"OtherWellKnownObjects": MISSING})], [(P, "Microsoft Exchange")]),
              ([obj("ExchangeContainer", "Microsoft Exchange", {"OtherWellKnownObjects": []})], [(P, "Microsoft Exchange")])])

# ---- after the uninstall ----

SPECS["server.gone"] = Spec(
    ["on-premises:ExchangeServer"],
    violated=[([obj("ExchangeServer", "EX01", {})], [(P, "EX01")]), ([obj("ExchangeServer", "EDGE", {"IsEdgeServer": True})], [(P, "EDGE")])],
    clean={"none": []}, unjudged=[])
SPECS["server.hybrid-gone"] = Spec(
    ["on-premises:HybridConfiguration"],
    violated=[([obj("HybridConfiguration", "Hybrid Configuration", {})], [(P, "Hybrid Configuration")])],
    clean={"none": []}, unjudged=[])

# ---- sharing, other forests ----

OUR_GUID, LABS_GUID = "7a1c2e4f-5b6d-4c3a-9e8f-0c0000000002", "7a1c2e4f-5b6d-4c3a-9e8f-0c00000000aa"
OURSELVES = obj("OrganizationConfig", "Contoso", {"Name": "Contoso"}, guid=OUR_GUID)
TENANTS = [cloud("AcceptedDomain", d, {"DomainName": d}) for d in ("contoso.com", "contoso.mail.onmicrosoft.com", "labs.example")]
UNTOLD_DOMAIN = cloud("AcceptedDomain", "x", {"DomainName": MISSING})


def relationship(name, domains, side="on-premises", enabled=True, **properties):
    values = {"DomainNames": domains, "Enabled": enabled}
    if side == "cloud":
        values.update(MailboxMoveEnabled=False, MailboxMoveCapability="None", OAuthApplicationId=None)
    return obj("OrganizationRelationship", name, {**values, **properties}, side)


SPECS["sharing.partner"] = Spec(
    ["on-premises:OrganizationRelationship"], absence=["cloud:AcceptedDomain"],
    violated=[([TENANTS, relationship("Adatum", ["adatum.example"]), relationship("Adatum in the cloud", ["ADATUM.example"], C)], [(P, "Adatum")]),
              ([TENANTS, relationship("Everybody", ["contoso.mail.onmicrosoft.com", "adatum.example"])], [(P, "Everybody")]),
              ([TENANTS, relationship("Tailspin", "tailspin.mail.onmicrosoft.com", enabled=None)], [(P, "Tailspin")]),
              # Another forest's server, although its domain is in the same tenant.
              ([TENANTS, relationship("Labs", ["labs.example"], TargetApplicationUri="FYDIBOHF25SPDLT.labs.example")], [(P, "Labs")])],
    clean={"old hybrid": [TENANTS, relationship("O365", ["contoso.com"], TargetApplicationUri="outlook.com"),
                          relationship("Gov", ["contoso.com"], TargetApplicationUri="http://Outlook.office365.us")],
           "nowhere": [TENANTS, relationship("O365", ["contoso.com"], TargetApplicationUri=None)],
           "hybrid": [TENANTS, relationship("On-premises to O365", ["Contoso.mail.onmicrosoft.com"])], "disabled": [TENANTS, relationship("Adatum", ["adatum.example"], enabled=False)],
           "in the cloud": [TENANTS, relationship("Adatum", ["adatum.example"], C)], "with nobody": [TENANTS, relationship("Empty", [])]},
    unjudged=[([TENANTS, relationship("x", MISSING)], [(P, "x")]), ([TENANTS, relationship("x", ["adatum.example"], enabled=MISSING)], [(P, "x")]),
              ([UNTOLD_DOMAIN, relationship("x", ["adatum.example"])], [(P, "x")]),
              ([TENANTS, relationship("x", ["labs.example"], TargetApplicationUri=MISSING)], [(P, "x")])])
SPECS["sharing.policy"] = Spec(
    ["on-premises:SharingPolicy"],
    violated=[([obj("SharingPolicy", "Adatum", {"Domains": ["adatum.example:CalendarSharingFreeBusySimple", "*:CalendarSharingFreeBusySimple"], "Enabled": True})], [(P, "Adatum")]),
              ([obj("SharingPolicy", "Plain", {"Domains": "adatum.example", "Enabled": None})], [(P, "Plain")])],
    clean={"everyone": [obj("SharingPolicy", "Default", {"Domains": ["*:CalendarSharingFreeBusySimple", "Anonymous:CalendarSharingFreeBusyReviewer"], "Enabled": True})],
           "disabled": [obj("SharingPolicy", "Adatum", {"Domains": ["adatum.example:x"], "Enabled": False})],
           "in the cloud": [cloud("SharingPolicy", "Adatum", {"Domains": ["adatum.example:x"], "Enabled": True})]},
    unjudged=[([obj("SharingPolicy", "x", {"Domains": MISSING, "Enabled": True})], [(P, "x")]),
              ([obj("SharingPolicy", "x", {"Domains": ["adatum.example:x"], "Enabled": MISSING})], [(P, "x")])])


def holder(name, guid_, **properties):
    return cloud("OnPremisesOrganization", name, {"OrganizationGuid": guid_, "OrganizationName": name, "HybridDomains": [], "InboundConnector": None, "OutboundConnector": None,
                                                  "OrganizationRelationship": None, **properties})


OURS = holder("Contoso", OUR_GUID, HybridDomains=["autod:contoso.com"], InboundConnector="Inbound from us", OutboundConnector="Outbound to us", OrganizationRelationship="O365 to us")
LABS = holder("Contoso", LABS_GUID, HybridDomains=["labs.example"], InboundConnector="Inbound from labs", OrganizationRelationship="O365 to labs")
SPECS["sharing.known"] = Spec(
    ["on-premises:OrganizationRelationship", "cloud:OrganizationRelationship", "on-premises:OrganizationConfig", "cloud:SharingPolicy", "on-premises:AvailabilityAddressSpace",
     "cloud:AvailabilityAddressSpace"], absence=["cloud:AcceptedDomain", "cloud:OnPremisesOrganization"],
    violated=[([TENANTS, OURSELVES, OURS, LABS, relationship("On-premises to O365", ["contoso.mail.onmicrosoft.com"]), relationship("O365 to us", ["contoso.com"], C),
                relationship("O365 to labs", ["labs.example"], C), relationship("Moves", ["contoso.com"], C, MailboxMoveCapability="RemoteOutbound"), relationship("Adatum", ["adatum.example"], C)],
               [(P, "On-premises to O365"), (C, "O365 to us"), (C, "O365 to labs"), (C, "Moves"), (C, "Adatum")]),
              ([TENANTS, cloud("SharingPolicy", "Adatum", {"Domains": ["adatum.example:x"]}), obj("AvailabilityAddressSpace", "tailspin.example", {"ForestName": "tailspin.example", "AccessMethod": 4}),
                cloud("AvailabilityAddressSpace", "y", {"ForestName": "tailspin.onmicrosoft.com", "AccessMethod": "OrgWideFBToken"})], [(C, "Adatum"), (P, "tailspin.example"), (C, "y")])],
    clean={"nobody": [TENANTS, OURSELVES, OURS, cloud("SharingPolicy", "Default", {"Domains": ["Anonymous:x"]})],
           "the tenant's address space": [TENANTS, obj("AvailabilityAddressSpace", "contoso.mail.onmicrosoft.com", {"ForestName": "contoso.mail.onmicrosoft.com"})]},
    unjudged=[([TENANTS, relationship("x", MISSING)], [(P, "x")]), ([UNTOLD_DOMAIN, relationship("x", ["adatum.example"])], [(P, "x")]),
              ([TENANTS, relationship("x", ["labs.example"], TargetApplicationUri=MISSING)], [(P, "x")]),
              ([TENANTS, OURSELVES, OURS, relationship("x", MISSING, C)], [(C, "x")]), ([TENANTS, OURSELVES, relationship("x", ["contoso.com"], C, OAuthApplicationId=MISSING)], [(C, "x")]),
              ([TENANTS, OURSELVES, holder("y", OUR_GUID, OrganizationRelationship=MISSING), relationship("x", ["contoso.com"], C)], [(C, "x")]),
              ([TENANTS, holder("y", OUR_GUID, OrganizationRelationship="x"), relationship("x", ["contoso.com"], C)], [(C, "x")]),
              ([TENANTS, OURSELVES, relationship("x", ["adatum.example"], C, MailboxMoveEnabled=MISSING)], [(C, "x")]),
              ([TENANTS, OURSELVES, holder("y", MISSING, OrganizationRelationship="x"), relationship("x", ["contoso.com"], C)], [(C, "x")]),
              ([cloud("SharingPolicy", "x", {"Domains": MISSING})], [(C, "x")]), ([TENANTS, cloud("AvailabilityAddressSpace", "x", {"ForestName": MISSING})], [(C, "x")])])


def test_relationships_are_classified(tmp_path):
    """Each with its class and the reason, decided by GUID and by what it does, never by its name."""
    spec = SPECS["sharing.known"]
    result = judge(tmp_path, "sharing.known", [spec.sets(), spec.violated[0][0]])
    told = {f["object"]: (f["evidence"]["class"], f["message"]) for f in result.findings}
    assert {name: class_ for name, (class_, _) in told.items()} == {
        "On-premises to O365": "hybrid", "O365 to us": "hybrid", "O365 to labs": "hybrid of another organization", "Moves": "cross-tenant", "Adatum": "partner"}
    assert "OnPremisesOrganization names it" in told["O365 to us"][1] and "RemoteOutbound" in told["Moves"][1] and "adatum.example" in told["Adatum"][1]
    # The same name, and the other organisation's GUID.
    result = judge(tmp_path, "sharing.known", [spec.sets(), TENANTS, OURSELVES, holder("Contoso", LABS_GUID, OrganizationRelationship="O365 to us"), relationship("O365 to us", ["contoso.com"], C)])
    assert result.findings[0]["evidence"]["class"] == "hybrid of another organization"
    result = judge(tmp_path, "sharing.known", [spec.sets(), TENANTS, OURSELVES, relationship("Moves", ["tailspin.example"], C, MailboxMoveEnabled=True)])
    assert result.findings[0]["evidence"]["class"] == "cross-tenant"
    result = judge(tmp_path, "sharing.known", [spec.sets(), TENANTS, OURSELVES, relationship("Labs", ["labs.example"], TargetApplicationUri="FYDIBOHF25SPDLT.labs.example")])
    assert result.findings[0]["evidence"]["class"] == "partner" and "FYDIBOHF25SPDLT.labs.example" in result.findings[0]["message"]


HYBRID = obj("HybridConfiguration", "Hybrid Configuration", {"Features": 639})
HOLDERS = ["cloud:OnPremisesOrganization"]
SPECS["forest.organization"] = Spec(
    ["on-premises:OrganizationConfig", "on-premises:HybridConfiguration"], absence=HOLDERS,
    violated=[([OURSELVES, OURS, holder("Contoso again", "{" + OUR_GUID.upper() + "}")], [(C, "Contoso"), (C, "Contoso again")]), ([OURSELVES, HYBRID, LABS], [(P, "contoso")])],
    clean={"ours": [OURSELVES, HYBRID, OURS], "ours and another's": [OURSELVES, HYBRID, OURS, LABS], "nobody's": [OURSELVES, HYBRID], "another's, and no hybrid here": [OURSELVES, LABS]},
    unjudged=[([OURSELVES, holder("x", MISSING)], [(C, "x")]), ([OURSELVES, HYBRID, holder("x", MISSING)], [(C, "x"), (P, "contoso")]), ([OURS], [(C, "Contoso")]),
              ([OURSELVES, obj("OrganizationConfig", "Other", guid=LABS_GUID, source="exchange-export"), OURS], [(C, "Contoso")])])


def wizard(kind, name, source="HybridWizard", **properties):
    return cloud(kind, name, {"ConnectorSource": source, **({"TlsSenderCertificateName": None} if kind == "InboundConnector" else {"SmartHosts": []}), **properties})


def endpoint(name, host, kind="ExchangeRemoteMove"):
    return cloud("MigrationEndpoint", name, {"RemoteServer": host, "EndpointType": kind})


def inward(name, *domains):
    return cloud("IntraOrganizationConnector", name, {"TargetAddressDomains": list(domains)})


LOCAL = obj("AcceptedDomain", "contoso.net", {"DomainName": "contoso.net"})
BOTH_FORESTS = [OURSELVES, OURS, LABS, TENANTS, LOCAL]
THING_NEEDS = ["on-premises:OrganizationConfig", "cloud:InboundConnector", "cloud:OutboundConnector", "cloud:OrganizationRelationship", "cloud:IntraOrganizationConnector",
               "cloud:MigrationEndpoint", "cloud:AcceptedDomain"]
SPECS["forest.object"] = Spec(
    THING_NEEDS, absence=[*HOLDERS, "on-premises:AcceptedDomain"],
    violated=[
        # Named by two; leading to two; named by nobody and leading to nobody's place.
        ([BOTH_FORESTS, holder("Old", LABS_GUID, OutboundConnector="Outbound to us"), wizard("OutboundConnector", "Outbound to us")], [(C, "Outbound to us")]),
        ([BOTH_FORESTS, inward("IOC", "contoso.com", "labs.example")], [(C, "IOC")]),
        ([BOTH_FORESTS, wizard("InboundConnector", "Inbound from nobody", TlsSenderCertificateName="<I>CN=CA<S>CN=mail.proseware.example, O=Proseware"), wizard("OutboundConnector", "Outbound to nobody", SmartHosts=["mail.proseware.example"]),
          endpoint("Endpoint", "mail.proseware.example"), inward("IOC", "proseware.example"), wizard("InboundConnector", "Nowhere")],
         [(C, "Endpoint"), (C, "IOC"), (C, "Inbound from nobody"), (C, "Nowhere"), (C, "Outbound to nobody")]),
        # A domain that two hybrid organisations have is nobody's.
        ([OURSELVES, OURS, holder("Labs", LABS_GUID, HybridDomains=["contoso.com"]), TENANTS, endpoint("Endpoint", "mail.contoso.com")], [(C, "Endpoint")])],
    clean={
        "ours": [BOTH_FORESTS, wizard("InboundConnector", "Inbound from us"), wizard("OutboundConnector", "Outbound to us"), relationship("O365 to us", ["contoso.com"], C), inward("IOC", "contoso.com"), endpoint("E", "Mail.Contoso.com")],
        "by its host": [BOTH_FORESTS, wizard("InboundConnector", "a", TlsSenderCertificateName="CN=*.contoso.net"), wizard("InboundConnector", "b", TlsSenderCertificateName="mail.contoso.com"), wizard("OutboundConnector", "c", SmartHosts=["mx.contoso.net"])],
        "another's": [BOTH_FORESTS, wizard("InboundConnector", "Inbound from labs"), relationship("O365 to labs", ["labs.example"], C), inward("IOC", "labs.example"), endpoint("E", "mail.labs.example")],
        "not hybrid": [BOTH_FORESTS, wizard("InboundConnector", "Printers", "AdminUI"), relationship("Adatum", ["adatum.example"], C), endpoint("IMAP", "imap.adatum.example", "IMAP"), relationship("Empty", [], C)],
        "the agent's address": [OURSELVES, OURS, TENANTS, endpoint("E", "1234.resource.mailboxmigration.his.msappproxy.net")],
        "a tenant without holders": [OURSELVES, TENANTS, LOCAL, endpoint("E", "mail.contoso.net")]},
    unjudged=[([BOTH_FORESTS, wizard("InboundConnector", "x", MISSING, TlsSenderCertificateName="mail.proseware.example")], [(C, "x")]), ([BOTH_FORESTS, wizard("InboundConnector", "x", TlsSenderCertificateName=MISSING)], [(C, "x")]),
              ([BOTH_FORESTS, wizard("OutboundConnector", "x", SmartHosts=MISSING)], [(C, "x")]), ([BOTH_FORESTS, relationship("x", MISSING, C)], [(C, "x")]), ([BOTH_FORESTS, cloud("IntraOrganizationConnector", "x", {"TargetAddressDomains": MISSING})], [(C, "x")]),
              ([BOTH_FORESTS, endpoint("x", "mail.proseware.example", MISSING)], [(C, "x")]), ([BOTH_FORESTS, endpoint("x", MISSING)], [(C, "x")]),
              ([BOTH_FORESTS, holder("y", LABS_GUID, InboundConnector=MISSING), wizard("InboundConnector", "x", TlsSenderCertificateName="mail.proseware.example")], [(C, "x")]),
              ([BOTH_FORESTS, holder("y", LABS_GUID, OutboundConnector=MISSING), wizard("OutboundConnector", "x", SmartHosts=["mail.proseware.example"])], [(C, "x")]),
              ([OURSELVES, OURS, TENANTS, holder("y", LABS_GUID, OrganizationRelationship=MISSING), relationship("x", ["labs.example"], C)], [(C, "x")]),
              ([OURSELVES, OURS, holder("y", MISSING, InboundConnector="x"), TENANTS, wizard("InboundConnector", "x")], [(C, "x")]),
              ([OURSELVES, holder("y", LABS_GUID, HybridDomains=MISSING), TENANTS, endpoint("x", "mail.proseware.example")], [(C, "x")]),
              ([OURSELVES, TENANTS, obj("AcceptedDomain", "y", {"DomainName": MISSING}), endpoint("x", "mail.proseware.example")], [(C, "x")]),
              ([OURSELVES, UNTOLD_DOMAIN, relationship("x", ["adatum.example"], C)], [(C, "x")])])
SPECS["forest.other"] = Spec(
    [*THING_NEEDS, "on-premises:AcceptedDomain"], absence=HOLDERS,
    violated=[([BOTH_FORESTS, wizard("InboundConnector", "Inbound from labs"), endpoint("E", "mail.labs.example"), wizard("InboundConnector", "Inbound from us")], [(C, "Contoso"), (C, "E"), (C, "Inbound from labs")])],
    clean={"ours": [OURSELVES, OURS, TENANTS, LOCAL, wizard("InboundConnector", "Inbound from us"), endpoint("E", "mail.contoso.com")]},
    unjudged=[([OURSELVES, holder("x", MISSING)], [(C, "x")]), ([OURSELVES, OURS, TENANTS, wizard("InboundConnector", "x", TlsSenderCertificateName=MISSING)], [(C, "x")]),
              ([OURSELVES, OURS, TENANTS, wizard("OutboundConnector", "x", SmartHosts=MISSING)], [(C, "x")])])

# ---- what has no like in the cloud ----


def application(name, id_, enabled=True):
    return obj("PartnerApplication", name, {"ApplicationIdentifier": id_, "Enabled": enabled})


SPECS["parity.partner-application"] = Spec(
    ["on-premises:PartnerApplication"],
    violated=[([application("SfB", "00000004-0000-0ff1-CE00-000000000000"), application("Some", "66666666-7777-4888-8999-0c00000000dd"), application("None", None)], [(P, "None"), (P, "SfB"), (P, "Some")])],
    clean={"Setup's": [application("Exchange Online", "00000002-0000-0ff1-ce00-000000000000"), application("Graph", "00000003-0000-0000-c000-000000000000")],
           "disabled": [application("SfB", "00000004-0000-0ff1-ce00-000000000000", False)]},
    unjudged=[([application("x", MISSING)], [(P, "x")]), ([application("x", "00000004-0000-0ff1-ce00-000000000000", MISSING)], [(P, "x")])])


def rule(name, side="on-premises", **properties):
    return obj("TransportRule", name, properties, side, **({"source": "exchange-export"} if properties and side == P else {}))


def remote(name, about, side="on-premises"):
    return obj("RemoteDomain", name, {"DomainName": about}, side)


SPECS["parity.rule"] = Spec(
    ["on-premises:TransportRule", "on-premises:JournalRule", "on-premises:RemoteDomain"], absence=["cloud:TransportRule", "cloud:JournalRule", "cloud:RemoteDomain"],
    violated=[([rule("Block"), rule("Disclaimer", C), rule("Stamp", State="Enabled")], [(P, "Block"), (P, "Stamp")]),
              ([journal("Legal", "legal@vault.example"), journal("Off", "legal@vault.example", False, C), journal("Other", "other@vault.example", True, C)], [(P, "Legal")]),
              ([remote("Adatum", "adatum.example"), remote("Default", "*", C)], [(P, "Adatum")])],
    clean={"there too": [rule("disclaimer"), rule("Disclaimer", C), journal("Legal", "legal@vault.example"), journal("x", "Legal@vault.example", True, C), remote("a", "Adatum.example"), remote("b", "adatum.example", C)],
           "off": [rule("Block", State="Disabled"), journal("Legal", "legal@vault.example", False)],
           "Setup's and the wizard's": [remote("Default", "*"), remote("Hybrid Domain", "contoso.mail.onmicrosoft.com")]},
    unjudged=[([rule("x", State=MISSING)], [(P, "x")]), ([journal("x", MISSING)], [(P, "x")]), ([journal("x", "legal@vault.example", MISSING)], [(P, "x")]),
              ([journal("x", "legal@vault.example"), journal("y", MISSING, True, C)], [(P, "x")]), ([journal("x", "legal@vault.example"), journal("y", "legal@vault.example", MISSING, C)], [(P, "x")]),
              ([remote("x", MISSING)], [(P, "x")]), ([remote("x", "adatum.example"), remote("y", MISSING, C)], [(P, "x")])])

# ---- the tests ----

# ---- attribute writeback ----

WRITEBACK = "Entra2ADExchangeOnlineAttributeWriteback"
JOBS, AGENTS = "cloud:GraphSynchronizationJob", "cloud:GraphProvisioningAgent"
COVERED = ["mail", "proxyAddresses", "msExchRecipientTypeDetails", "msExchRecipientDisplayType", *[f"extensionAttribute{n}" for n in range(1, 16)],
           *[f"msExchExtensionCustomAttribute{n}" for n in range(1, 6)]]
RAN = {"timeBegan": "2027-01-15T07:38:00Z", "timeEnded": "2027-01-15T07:39:00Z", "state": "Succeeded"}   # twenty minutes ago
READS = "writeback.applications-read-directory"
WRITEBACK_SETTINGS = [setting("writeback.templates", WRITEBACK, "Exo2AD"), setting("writeback.limit", "3")]


def sync_job(name="contoso.local", template=WRITEBACK, status=(), schedule="Active", mappings=COVERED, **more):
    told = status if isinstance(status, Missing) else {"code": "Active", "quarantine": None, "lastSuccessfulExecution": RAN, **dict(status)}
    properties = {"id": f"{WRITEBACK if isinstance(template, Missing) else template}.1.{name}", "templateId": template, "servicePrincipal": name, "status": told, "schedule": {"interval": "PT20M", "state": schedule}, **more}
    properties["attributeMappings"] = mappings if isinstance(mappings, Missing) else [f"{target}: [x]" for target in mappings]
    return cloud("GraphSynchronizationJob", properties["id"], properties, source="graph")


GOOD_JOB = [WRITEBACK_SETTINGS, sync_job()]
SPECS["writeback.job"] = Spec(
    [JOBS],
    violated=[([WRITEBACK_SETTINGS, sync_job("q", status={"code": "Quarantine", "quarantine": {"reason": "EncounteredQuarantineException"}}),
                sync_job("p", status={"code": "Paused"}), sync_job("d", schedule="Disabled"), sync_job("n", status={"code": "NotRun"}),
                sync_job("e", template="EXO2ADSync", status={"quarantine": {}})],
               [(C, name) for name in "denpq"])],
    clean={"an active job": GOOD_JOB,
           "other jobs in whatever state": [GOOD_JOB, sync_job("a", "AD2AADProvisioning", {"code": "Quarantine"}), sync_job("h", "AAD2ADExchangeHybridWriteback", {"code": "Paused"})]},
    unjudged=[([GOOD_JOB, sync_job("other", mappings=MISSING), sync_job("u", status={"code": None})], [(C, "u")]),
              ([GOOD_JOB, sync_job("other", mappings=MISSING), sync_job("v", schedule=None)], [(C, "v")]),
              # A job of which nobody told what it does may be the one, whatever its state.
              ([WRITEBACK_SETTINGS, sync_job("t", template=MISSING)], [(C, "t")]), ([GOOD_JOB, sync_job("t", template=MISSING, status={"code": "Paused"})], [(C, "t")]),
              ([GOOD_JOB, sync_job("s", status=MISSING)], [(C, "s")])])

SPECS["writeback.last-run"] = Spec(
    [JOBS],
    violated=[([WRITEBACK_SETTINGS, sync_job("never", status={"lastSuccessfulExecution": None}),
                sync_job("year1", status={"lastSuccessfulExecution": {"timeBegan": "0001-01-01T00:00:00Z", "timeEnded": "0001-01-01T00:00:00Z"}}),
                sync_job("old", status={"lastSuccessfulExecution": {"timeEnded": "2027-01-15T04:00:00Z"}}),
                sync_job("zone", status={"lastSuccessfulExecution": {"timeEnded": "2027-01-15T09:30:00+05:00"}})],
               [(C, "never"), (C, "old"), (C, "year1"), (C, "zone")])],
    clean={"a run of this hour": GOOD_JOB, "fractions and zones": [WRITEBACK_SETTINGS, sync_job(status={"lastSuccessfulExecution": {"timeEnded": "2027-01-15T12:30:00.1234567+05:00"}})],
           "only its beginning": [WRITEBACK_SETTINGS, sync_job(status={"lastSuccessfulExecution": {"timeBegan": RAN["timeBegan"]}})],
           "other jobs": [GOOD_JOB, sync_job("a", "AD2AADProvisioning", {"lastSuccessfulExecution": None})]},
    unjudged=[([GOOD_JOB, sync_job("t", template=MISSING)], [(C, "t")]), ([GOOD_JOB, sync_job("s", status=MISSING)], [(C, "s")])])

SPECS["writeback.mapping"] = Spec(
    [JOBS],
    violated=[([WRITEBACK_SETTINGS, sync_job("nomail", mappings=COVERED[1:])], [(C, "nomail")]),
              ([WRITEBACK_SETTINGS, sync_job("none", mappings=[])], [(C, "none")]),
              # The name of one is the beginning of the other's.
              ([WRITEBACK_SETTINGS, sync_job("one", mappings=[c for c in COVERED if c != "extensionAttribute1"])], [(C, "one")])],
    clean={"all": GOOD_JOB, "any case, and more": [WRITEBACK_SETTINGS, sync_job(mappings=[c.upper() for c in COVERED] + ["own"])],
           "other jobs map what they like": [GOOD_JOB, sync_job("a", "AD2AADProvisioning", mappings=[])]},
    unjudged=[([WRITEBACK_SETTINGS, sync_job("x", mappings=MISSING)], [(C, "x")]), ([GOOD_JOB, sync_job("t", template=MISSING)], [(C, "t")])])


def agent(name, status):
    return cloud("GraphProvisioningAgent", name, {"machineName": name, "status": status}, source="graph")


SPECS["writeback.agent"] = Spec(
    [],     # who is not signed in is not shown any agent, and may state that there is one
    violated=[([GOOD_JOB, a_set(AGENTS)], [(C, "Cloud Sync")]), ([GOOD_JOB, a_set(AGENTS), agent("S2", "inactive")], [(C, "Cloud Sync")])],
    clean={"active": [GOOD_JOB, a_set(AGENTS), agent("S1", "active"), agent("S2", "inactive")],
           "one is active, whatever the other is": [GOOD_JOB, a_set(AGENTS), agent("S1", "active"), agent("S2", {"@answer": "refused"})]},
    unjudged=[([GOOD_JOB, a_set(AGENTS), agent("S1", MISSING), agent("S2", "inactive")], [(C, "S1")])], blind=True)

MANAGED = {"is_dir_synced": True, "is_cloud_managed": True}
SPECS["writeback.limit"] = Spec(
    ["cloud:Mailbox"],
    violated=[([GOOD_JOB, [ex(f"m{n}@contoso.com", **MANAGED) for n in range(4)]], [(C, "cloud-managed mailboxes")]),
              # Those that are known are too many already.
              ([GOOD_JOB, [ex(f"m{n}@contoso.com", **MANAGED) for n in range(4)], ex("x@contoso.com", is_dir_synced=True, is_cloud_managed={"answer": "refused"})],
               [(C, "cloud-managed mailboxes")])],
    clean={"as many as allowed": [GOOD_JOB, [ex(f"m{n}@contoso.com", **MANAGED) for n in range(3)]],
           "others do not count": [GOOD_JOB, [ex(f"m{n}@contoso.com", **MANAGED) for n in range(3)], [ex(f"c{n}@contoso.com") for n in range(3)],
                                   ex("s@contoso.com", is_dir_synced=True, is_cloud_managed=False), ex("d@contoso.com", listing="SoftDeletedMailbox", **MANAGED),
                                   ex("u@contoso.com", "MailUser", **MANAGED)],
           "one more that nobody told is one too few": [GOOD_JOB, ex("m@contoso.com", **MANAGED), ex("x@contoso.com", is_dir_synced=True, is_cloud_managed={"answer": "refused"})]},
    unjudged=[([GOOD_JOB, [ex(f"m{n}@contoso.com", **MANAGED) for n in range(3)], ex("x@contoso.com", **{**MANAGED, column: MISSING})],
               [(C, "cloud-managed mailboxes")]) for column in MANAGED])


def twins(address, here=(), there=(), by="entra", type_=REMOTE, cloud_type="UserMailbox"):
    """A cloud-managed mailbox and its object, equal but for what is given. by: how they know each other."""
    one, alias = guid(), address.split("@")[0]
    a = dict(recipient_type_details=type_, addresses=[f"SMTP:{address}", f"smtp:{alias}@contoso.mail.onmicrosoft.com"], custom_attributes=["R&D", "", "7"])
    b = dict(MANAGED, recipient_type_details=cloud_type, addresses=list(a["addresses"]), windows_address=address, custom_attributes=["R&D", "", "7"])
    if by == "entra":
        a["external_id"], b["external_id"] = f"User_{one}", one
    elif by == "mailbox":
        a["mailbox_guid"] = b["exchange_guid"] = one
    elif by in ("consistency", "object"):
        b["immutable_id"] = base64.b64encode(uuid.UUID(one).bytes_le).decode()
        a["consistency_guid" if by == "consistency" else "guid"] = one
    return [ad(address, **{**a, **dict(here)}), ex(address, **{**b, **dict(there)})]


ABSENT = [ex("gone@contoso.com", **MANAGED, external_id=guid(), windows_address="gone@contoso.com")]
SHARED_ID, REFUSED = guid(), {"answer": "refused"}
SPECS["writeback.object"] = Spec(
    ["cloud:Mailbox", RECIPIENT],
    violated=[# A copied object: both claim the mailbox.
              ([GOOD_JOB, twins("a@contoso.com", {"external_id": f"User_{SHARED_ID}"}, {"external_id": SHARED_ID}),
                ad("copy@contoso.com", external_id=f"User_{SHARED_ID}")], [(C, "a@contoso.com")]),
              ([GOOD_JOB, ABSENT], [(C, "gone@contoso.com")]),
              ([GOOD_JOB, twins("b@contoso.com", by="address"), ad("other@contoso.com", addresses=["SMTP:other@contoso.com", "smtp:B@CONTOSO.COM"])], [(C, "b@contoso.com")]),
              # Its address belongs to somebody who is known to be another mailbox, or to a group.
              ([GOOD_JOB, ex("c@contoso.com", **MANAGED, external_id=guid()), ad("c@contoso.com", external_id=f"User_{guid()}")], [(C, "c@contoso.com")]),
              ([GOOD_JOB, ex("g@contoso.com", **MANAGED), ad("g@contoso.com", class_="group")], [(C, "g@contoso.com")])],
    clean={"found by each way": [GOOD_JOB, [twins(f"{by}@contoso.com", by=by) for by in ("entra", "mailbox", "consistency", "object", "address")]],
           "a GUID wins over an address": [GOOD_JOB, twins("new@contoso.com", {"addresses": ["SMTP:old@contoso.com"], "mail": "old@contoso.com"}),
                                           ad("new@contoso.com", external_id=f"User_{guid()}")],
           "by a secondary address, in another case": [GOOD_JOB, twins("p@contoso.com", {"addresses": ["SMTP:q@contoso.com", "smtp:P@Contoso.com"]}, by="address")],
           "a GUID settles what another key does not tell": [
               GOOD_JOB, twins("e@contoso.com", {"external_id": REFUSED, "mailbox_guid": SHARED_ID}, {"exchange_guid": SHARED_ID}),
               twins("f@contoso.com", {"addresses": REFUSED, "mailbox_guid": REFUSED}), twins("o@contoso.com", {"consistency_guid": REFUSED}, by="object"),
               twins("m@contoso.com", there={"external_id": REFUSED, "immutable_id": REFUSED}, by="mailbox")],
           "a group is nobody's, and who is known to be another is not the one that is missing": [
               GOOD_JOB, twins("a@contoso.com"), ad("g@contoso.com", class_="group", external_id=REFUSED),
               twins("b@contoso.com", there={"external_id": guid()}, by="mailbox"), ad("k@contoso.com", external_id=f"User_{guid()}", mailbox_guid=REFUSED)],
           "by mail alone": [GOOD_JOB, twins("m@contoso.com", {"addresses": None}, by="address")],
           "not cloud-managed, not synchronised, deleted": [GOOD_JOB, ex("n@contoso.com", is_dir_synced=True, is_cloud_managed=False), ex("c@contoso.com", is_cloud_managed=True),
                                                            ex("d@contoso.com", listing="InactiveMailboxOnly", **MANAGED)]},
    unjudged=[([GOOD_JOB, ex("x@contoso.com", is_dir_synced=True, is_cloud_managed=MISSING)], [(C, "x@contoso.com")]),
              ([GOOD_JOB, ex("x@contoso.com", is_dir_synced=MISSING, is_cloud_managed=True)], [(C, "x@contoso.com")]),
              # An object that does not tell who it is may be the one that a mailbox lacks.
              ([GOOD_JOB, ABSENT, ad("y@contoso.com", external_id=MISSING)], [(C, "gone@contoso.com"), (P, "y@contoso.com")]),
              ([GOOD_JOB, ABSENT, ad("y@contoso.com", addresses=MISSING)], [(C, "gone@contoso.com"), (P, "y@contoso.com")]),
              ([GOOD_JOB, ABSENT, ad("y@contoso.com", addresses=None, mail=MISSING)], [(C, "gone@contoso.com"), (P, "y")]),
              # .. or the second one of a mailbox that has one, by the key that it was found by.
              ([GOOD_JOB, twins("a@contoso.com"), ad("y@contoso.com", external_id=MISSING)], [(P, "y@contoso.com")]),
              ([GOOD_JOB, twins("a@contoso.com", by="consistency"), ad("y@contoso.com", consistency_guid=MISSING)], [(P, "y@contoso.com")]),
              ([GOOD_JOB, twins("a@contoso.com", by="mailbox"), ad("y@contoso.com", mailbox_guid=MISSING)], [(P, "y@contoso.com")]),
              ([GOOD_JOB, twins("a@contoso.com", by="address"), ad("y@contoso.com", addresses=MISSING)], [(P, "y@contoso.com")]),
              # Nobody told whether it is another's, or a group.
              ([GOOD_JOB, twins("b@contoso.com", {"external_id": MISSING}, by="address"), ad("o@contoso.com", addresses=["smtp:b@contoso.com"])],
               [(C, "b@contoso.com")]),
              ([GOOD_JOB, twins("b@contoso.com", {"class": MISSING}, by="address")], [(C, "b@contoso.com")]),
              # A mailbox that kept to itself by what it would be found, and has at most an address in common with an object.
              *[([GOOD_JOB, twins("a@contoso.com", there={key: MISSING}, by="address")], [(C, "a@contoso.com")]) for key in ("external_id", "immutable_id", "exchange_guid")],
              *[([GOOD_JOB, ex("n@contoso.com", **{**MANAGED, "external_id": guid(), key: MISSING})], [(C, "n@contoso.com")])
                for key in ("external_id", "immutable_id", "exchange_guid")]])

SIXTEEN = [f"v{n}" for n in range(1, 16)]
SPECS["writeback.attributes"] = Spec(
    ["cloud:Mailbox", RECIPIENT],
    violated=[
        ([GOOD_JOB, twins("lacks@contoso.com", there={"addresses": ["SMTP:lacks@contoso.com", "smtp:new@contoso.com"]}),
          twins("has@contoso.com", {"addresses": ["SMTP:has@contoso.com", "smtp:old@contoso.com"]}),
          twins("primary@contoso.com", {"addresses": ["smtp:primary@contoso.com", "SMTP:second@contoso.com"]}, {"addresses": ["SMTP:primary@contoso.com", "smtp:second@contoso.com"]}),
          twins("none@contoso.com", {"addresses": None})],
         [(P, f"{n}@contoso.com") for n in ("has", "lacks", "none", "primary")]),
        ([GOOD_JOB, twins("mail@contoso.com", {"mail": "old@contoso.com"}), twins("nomail@contoso.com", {"mail": None})],
         [(P, "mail@contoso.com"), (P, "nomail@contoso.com")]),
        ([GOOD_JOB, twins("one@contoso.com", {"custom_attributes": ["r&d", "", "7"]}), twins("more@contoso.com", {"custom_attributes": None}),
          twins("last@contoso.com", {"custom_attributes": SIXTEEN}, {"custom_attributes": SIXTEEN[:-1]}),
          twins("half@contoso.com", {"custom_attributes": ["x"]}, {"custom_attributes": [None, "y"]})],
         [(P, f"{n}@contoso.com") for n in ("half", "last", "more", "one")]),
        ([GOOD_JOB, twins("type@contoso.com", cloud_type="SharedMailbox"), twins("user@contoso.com", type_=128), twins("notype@contoso.com", type_=None)],
         [(P, f"{n}@contoso.com") for n in ("notype", "type", "user")]),
        # One mailbox, four differences, however they know each other.
        *[([GOOD_JOB, twins("all@contoso.com", {"mail": "x@contoso.com", "addresses": ["SMTP:x@contoso.com", "smtp:all@contoso.com"], "custom_attributes": ["z"],
                                                "recipient_type_details": 128}, by=by)], [(P, "all@contoso.com")] * 4)
          for by in ("entra", "mailbox", "consistency", "object", "address")]],
    clean={
        "equal, whatever the type": [GOOD_JOB, [twins(f"{t}@contoso.com", type_=n, cloud_type=t) for t, n in (
            ("UserMailbox", REMOTE), ("RoomMailbox", 1 << 33), ("EquipmentMailbox", 1 << 34), ("SharedMailbox", 1 << 35), ("TeamMailbox", 1 << 38))]],
        "a type without counterpart": [GOOD_JOB, twins("s@contoso.com", type_=128, cloud_type="SchedulingMailbox")],
        "order, case and prefix of secondary addresses": [GOOD_JOB, twins(
            "o@contoso.com", {"addresses": ["smtp:B@contoso.com", "a@contoso.com", "SMTP:O@Contoso.COM"], "mail": "O@contoso.com"},
            {"addresses": ["SMTP:o@contoso.com", "smtp:a@contoso.com", "SmtP:b@contoso.com"]})],
        "an international domain in both forms": [GOOD_JOB, twins("i@contoso.com", {"addresses": ["SMTP:i@contoso.com", "smtp:i@bücher.example"]},
                                                                  {"addresses": ["SMTP:i@contoso.com", "smtp:i@xn--bcher-kva.example"]})],
        "addresses of other types and of the tenant's own domains": [GOOD_JOB, twins(
            "x@contoso.com", {"addresses": ["SMTP:x@contoso.com", "X500:/o=ExchangeLabs/cn=x"]},
            {"addresses": ["SMTP:x@contoso.com", "SIP:x@contoso.com", "SPO:SPO_1@SPO_2", "smtp:x@contoso.onmicrosoft.com", "smtp:x@contoso.mail.onmicrosoft.com"]})],
        "characters that JSON escapes": [GOOD_JOB, twins("j@contoso.com", {"custom_attributes": ['a"b\\c', "null"]}, {"custom_attributes": ['a"b\\c', "null"]})],
        "the global catalogue alone": [GOOD_JOB, twins("g@contoso.com", dict(via="gc", **{c: {"answer": "not-asked"} for c in (
            "external_id", "consistency_guid", "remote_recipient_type", "archive_guid", "archive_database", "archive_status", "move_status")}), by="mailbox")],
        "however they know each other": [GOOD_JOB, [twins(f"{by}@contoso.com", by=by) for by in ("entra", "mailbox", "consistency", "object", "address")]],
        "absent: the other check's": [GOOD_JOB, ABSENT],
        "not cloud-managed": [GOOD_JOB, twins("n@contoso.com", {"mail": "x@contoso.com"}, {"is_cloud_managed": False})],
        "two sources show one mailbox": [GOOD_JOB, (lambda t: [*t, {**t[1], "row": {**t[1]["row"], "source": "exchange-online-export"}}])(twins("two@contoso.com"))],
    },
    unjudged=[
        *[([GOOD_JOB, twins("x@contoso.com", {c: MISSING})], [(P, "x@contoso.com")]) for c in ("addresses", "mail", "custom_attributes", "recipient_type_details")],
        *[([GOOD_JOB, twins("x@contoso.com", there={c: MISSING})], [(P, "x@contoso.com")])
          for c in ("addresses", "windows_address", "custom_attributes", "recipient_type_details", "is_cloud_managed", "is_dir_synced")],
        # An address alone does not say who is who where a better key was not told.
        *[([GOOD_JOB, twins("x@contoso.com", {c: MISSING}, by="address")], [(P, "x@contoso.com")]) for c in ("external_id", "consistency_guid", "mailbox_guid", "class")],
        *[([GOOD_JOB, twins("x@contoso.com", there={c: MISSING}, by="address")], [(P, "x@contoso.com")]) for c in ("external_id", "immutable_id", "exchange_guid")],
        ([GOOD_JOB, twins("x@contoso.com", there={"custom_attributes": ["R&D", None, "7"], "alias": MISSING})], [(P, "x@contoso.com")]),
        ([GOOD_JOB, twins("a@contoso.com", {"external_id": f"User_{SHARED_ID}"}, {"external_id": SHARED_ID, "alias": MISSING}),
          ad("copy@contoso.com", external_id=f"User_{SHARED_ID}")], [(P, "a@contoso.com")])])



# ---- what stays behind, for a person ----

def entry(dn, class_, area, **attributes):
    return {"table": "directory_entry", "row": {"area": area, "context": "DC=contoso,DC=com", "guid": guid(), "dn": dn, "class": class_, "json": attributes}}


GROUPS, CN = "OU=Microsoft Exchange Security Groups,DC=contoso,DC=com", "CN=EX01,CN=Computers,DC=contoso,DC=com"


def holding(name, *members):
    return entry(f"CN={name},{GROUPS}", "group", "security-groups", member=list(members))


SPECS["left.computer-account"] = Spec(
    ["on-premises:DirectoryEntry"], blind=True,
    violated=[([holding("Exchange Servers", CN), holding("Exchange Trusted Subsystem", CN)], [(P, CN)])],
    clean={"groups and accounts of Exchange's own": [holding("Exchange Trusted Subsystem", f"CN=Exchange Servers,{GROUPS}"), holding("Exchange Servers", (
        "CN=Exchange Install Domain Servers,CN=Microsoft Exchange System Objects,DC=contoso,DC=com"))],
           "people in a role group": [holding("Organization Management", "CN=Ada,CN=Users,DC=contoso,DC=com"), holding("Exchange Servers")],
           "a group that is called so elsewhere": [entry("CN=Exchange Servers,CN=Users,DC=contoso,DC=com", "group", "accounts", member=[CN])]},
    unjudged=[])


def permission(trustee, object_="DC=contoso,DC=com", sid="S-1-5-21-1-2-3-1105"):
    return obj("DirectoryPermission", f"{sid} on {object_}", {"Object": object_, "Trustee": sid, "Name": trustee, "Rights": ["WriteDacl"], "Denied": [], "Entries": 1}, guid="")


SPECS["left.permission"] = Spec(
    ["on-premises:DirectoryPermission"], blind=True,
    violated=[([permission("")], [(P, "S-1-5-21-1-2-3-1105 on DC=contoso,DC=com")]),
              ([permission(f"CN=Exchange Windows Permissions,{GROUPS}", "CN=AdminSDHolder,CN=System,DC=contoso,DC=com")], [
                  (P, "Exchange Windows Permissions on CN=AdminSDHolder,CN=System,DC=contoso,DC=com")])],
    clean={"nobody": []}, unjudged=[([permission(MISSING)], [(P, "S-1-5-21-1-2-3-1105 on DC=contoso,DC=com")])])
FEDERATED = [cloud("AcceptedDomain", "contoso.com", {"DomainName": "Contoso.com"})]
SPECS["left.federation"] = Spec(
    ["cloud:FederatedOrganizationIdentifier"], absence=["cloud:AcceptedDomain"],
    violated=[([FEDERATED, cloud("FederatedOrganizationIdentifier", "Federation", {"Domains": ["contoso.com", "stranger.example"]})], [(C, "stranger.example")])],
    clean={"the tenant's own": [FEDERATED, cloud("FederatedOrganizationIdentifier", "Federation", {"Domains": ["contoso.com", "contoso.mail.onmicrosoft.com"]})]},
    unjudged=[([FEDERATED, cloud("FederatedOrganizationIdentifier", "Federation", {"Domains": MISSING})], [(C, "Federation")])])
HIDDEN = {"category": "PropertyConflict", "propertyCausingError": "ProxyAddresses", "value": "SMTP:a@contoso.com PublicFolder_7a1c2e4f"}
SPECS["left.public-folder"] = Spec(
    ["cloud:GraphProvisioningError"], blind=True,
    violated=[([graph_user("a@contoso.com", [HIDDEN])], [(C, "a@contoso.com")])],
    clean={"another error": [graph_user("a@contoso.com", [CONFLICT])]},
    unjudged=[([graph_user("a@contoso.com", MISSING, [])], [(C, "a@contoso.com")]), ([graph_user("b@contoso.com", [CONFLICT], MISSING)], [(C, "b@contoso.com")])])

VIOLATED = [(c, i) for c, s in SPECS.items() for i in range(len(s.violated))]
CLEAN = [(c, n) for c, s in SPECS.items() for n in s.clean]
UNJUDGED = [(c, i, w) for c, s in SPECS.items() for i in range(len(s.unjudged)) for w in WAYS]
INCOMPLETE = [(c, n) for c, s in SPECS.items() for n in s.needs]
ABSENCE = [(c, n) for c, s in SPECS.items() for n in s.absence]


@pytest.mark.parametrize("check,index", VIOLATED)
def test_violation_is_found(tmp_path, check, index):
    """What the guide calls a violation is a finding, and nothing else is; each says what is wrong and proves it."""
    spec = SPECS[check]
    rows, expected = spec.violated[index]
    rows = list(flat(rows))
    for way in WAYS if fill(rows, "refused") != fill(rows, "timeout") else WAYS[:1]:
        result = judge(tmp_path, check, [spec.sets(), spec.also, fill(rows, way)])
        assert result.status == "fail", result
        assert result.found == sorted(expected), result
        for f in result.findings:
            assert f["message"].endswith(".") and len(f["message"]) > 20, f
            assert "NULL" not in f["message"] and "  " not in f["message"], f
            assert isinstance(f["evidence"], dict) and f["evidence"], f
            assert f["key"] and f["kind"], f


@pytest.mark.parametrize("check,name", CLEAN)
def test_decoy_is_not_found(tmp_path, check, name):
    """What looks like a violation and is none passes."""
    spec = SPECS[check]
    result = judge(tmp_path, check, [spec.sets(), spec.also, spec.clean[name]])
    assert result.found == [], result
    assert result.unjudged == [], result
    if spec.blind:  # what no source sees, a person has to state
        assert result.status == "unknown" and result.lacking == [] and not result.complete, result
        return
    assert result.status in ("pass", "not-applicable"), result
    assert result.complete, result


@pytest.mark.parametrize("check,index,way", UNJUDGED)
def test_unknown_value_is_unknown(tmp_path, check, index, way):
    """A value that was refused, timed out or never asked for is neither a violation nor none."""
    spec = SPECS[check]
    rows, expected = spec.unjudged[index]
    result = judge(tmp_path, check, [spec.sets(), spec.also, fill(list(flat(rows)), way)])
    assert result.status == "unknown", result
    assert result.found == [], result
    assert result.unjudged == sorted(expected), result


@pytest.mark.parametrize("check,name", INCOMPLETE)
@pytest.mark.parametrize("state", ["partial", "failed"])
def test_incomplete_set_is_no_pass(tmp_path, check, name, state):
    """Without a complete set nothing passes, and what was seen in it stays a finding."""
    spec = SPECS[check]
    clean = next(iter(spec.clean.values()))
    result = judge(tmp_path, check, [spec.sets(name, state), spec.also, clean])
    assert result.status == "unknown", result
    assert name in result.lacking, result
    rows, expected = next((r, e) for r, e in spec.violated if list(flat(r)))
    result = judge(tmp_path, check, [spec.sets(name, state), spec.also, fill(list(flat(rows)), "refused")])
    assert result.status == "fail", result
    assert result.found == sorted(expected), result
    assert not result.complete, result


@pytest.mark.parametrize("check,name", INCOMPLETE)
def test_missing_set_is_no_pass(tmp_path, check, name):
    """A set that no source read, or that nobody configured, or that is too old, is as good as none."""
    spec = SPECS[check]
    clean = next(iter(spec.clean.values()))
    without = [s for s in spec.sets() if f"{s['row']['side']}:{s['row']['name']}" != name]
    for extra in ([], [a_set(name, "not-configured")], [a_set(name, at=NOW - 2 * DAY)]):
        result = judge(tmp_path, check, [without, extra, spec.also, clean])
        assert result.status == "unknown", result
        assert name in result.lacking, result


@pytest.mark.parametrize("check,name", ABSENCE)
def test_absence_needs_the_whole_set(tmp_path, check, name):
    """"Not found" counts only where all of it was searched."""
    spec = SPECS[check]
    rows, expected = spec.violated[0]
    result = judge(tmp_path, check, [spec.sets(name), spec.also, rows])
    assert result.status == "unknown", result
    assert result.found == [], result
    assert result.unjudged == sorted(expected), result


# What no source sees at all.
ASKED = {f"left.{word}" for word in ("sync-rights", "connector-group", "migration-account", "recipient", "gateway-key", "policy", "witness")}


@pytest.mark.parametrize("check", sorted(ASKED))
def test_what_nobody_sees_is_unknown_until_it_is_stated(tmp_path, check):
    assert judge(tmp_path, check, []).status == "unknown"
    assert judge(tmp_path, check, [], stated={check: "yes"}).status == "pass"


def principal_with(*keys, **more):
    return cloud("GraphServicePrincipal", "Office 365 Exchange Online",
                 {"appId": "00000002-0000-0ff1-ce00-000000000000", "keyCredentials": [dict(k, keyId=GUIDS[i]) for i, k in enumerate(keys)], **more})


GUIDS = [f"7b000000-1b2c-4d3e-8f40-0f000000000{i}" for i in range(5)]


def test_whose_a_credential_is(tmp_path):
    """The auth configuration tells it, or a person: once one is, every other one is not. What was not obtained is unknown."""
    sets = [a_set("cloud:GraphServicePrincipal"), a_set("on-premises:AuthConfig")]
    two = principal_with({"thumbprint": "A" * 40, "displayName": "CN=x"}, {"thumbprint": None, "customKeyIdentifier": "b" * 40, "displayName": "CN=x"})
    config = obj("AuthConfig", "Auth Configuration", {"CurrentCertificateThumbprint": "C" * 40})
    empty = obj("AuthConfig", "Auth Configuration", {"CurrentCertificateThumbprint": "", "NextCertificateThumbprint": "", "PreviousCertificateThumbprint": ""})
    result = judge(tmp_path, "left.credential", [sets, two, empty])
    assert result.status == "unknown" and {name for _, name in result.unjudged} == {"CN=x " + "A" * 40, "CN=x " + "B" * 40}, result
    assert judge(tmp_path, "left.credential", [sets, two, config]).status == "pass"
    assert judge(tmp_path, "left.credential", [sets, principal_with(), empty]).status == "pass"
    assert judge(tmp_path, "left.credential", [sets, principal_with(keyCredentials={"@answer": "refused"}), config]).status == "unknown"
    assert judge(tmp_path, "left.credential", [sets, principal_with({"thumbprint": "A" * 40}, appId=GUIDS[0]), empty]).status == "pass", "another's principal"
    for name in ("cloud:GraphServicePrincipal", "on-premises:AuthConfig"):
        short = [a_set(n, "partial" if n == name else "complete", answer=3 if n == name else 0) for n in ("cloud:GraphServicePrincipal", "on-premises:AuthConfig")]
        assert judge(tmp_path, "left.credential", [short, two, config]).status == "unknown", name


def test_which_organisation_it_is(tmp_path):
    """Active Directory tells it, or one person's word, or it is unknown: then every one that the tenant has is named, none chosen."""
    sets = [a_set("cloud:OnPremisesOrganization"), a_set("on-premises:OrganizationConfig")]
    ours = cloud("OnPremisesOrganization", "one", {"OrganizationGuid": GUIDS[0].upper(), "OrganizationName": "X", "HybridDomains": ["a.example", "b.example"]}, guid=GUIDS[3])
    bare = cloud("OnPremisesOrganization", "two", {"OrganizationGuid": {"@answer": "refused"}, "OrganizationName": "", "HybridDomains": {"@answer": "refused"}}, guid=GUIDS[4])
    result = judge(tmp_path, "left.organization", [sets, ours, bare])
    assert result.status == "unknown" and {name for _, name in result.unjudged} == {
        f"OrganizationGuid {GUIDS[0]}, OrganizationName X, HybridDomains a.example, b.example",
        "OrganizationGuid (not obtained), OrganizationName (none), HybridDomains (not obtained)"}, result
    assert judge(tmp_path, "left.organization", [sets, ours]).status == "unknown", "one alone proves nothing"
    assert judge(tmp_path, "left.organization", [sets]).status == "pass", "nothing of the tenant is in question"
    assert judge(tmp_path, "left.organization", [sets, ours, bare, obj("OrganizationConfig", "X", {}, guid=GUIDS[1])]).status == "pass"
    for name in ("cloud:OnPremisesOrganization", "on-premises:OrganizationConfig"):
        short = [a_set(n, "partial" if n == name else "complete", answer=3 if n == name else 0) for n in ("cloud:OnPremisesOrganization", "on-premises:OrganizationConfig")]
        assert judge(tmp_path, "left.organization", [short]).status == "unknown", name


def test_every_check_is_tested(tmp_path):
    """No check comes without a violation, a decoy, a value that is missing and a set that is not complete."""
    path = tmp_path / "facts.db"
    subprocess.run([DRIVERS / "facts_make", path], input=json.dumps(observation()).encode() + b"\n", check=True)
    out = subprocess.run([DRIVERS / "facts_judge", path], capture_output=True, check=True).stdout
    ids = {line["id"] for line in map(json.loads, out.splitlines()) if "id" in line and not line["id"].startswith("requirement.")}
    own = {"relay.traffic", "freshness.observation", "freshness.completeness"}
    own |= {i for i in ids if i.startswith("sanity.")}  # test_sanity.py
    own |= ASKED | {"left.credential", "left.organization"}
    assert ids - own == set(SPECS)
    for check, spec in SPECS.items():
        assert spec.violated and spec.clean and (spec.unjudged or check in ("routing.unverified-domain", "server.gone", "server.hybrid-gone", "left.computer-account")) and (spec.needs or check == "writeback.agent"), check


# ---- what one table cannot say ----

@pytest.mark.parametrize("check", ["mailbox.hidden-reference", "tools.in-use", "forest.tenant"])
def test_exports_alone_never_pass(tmp_path, check):
    """What no cmdlet lists stands in Active Directory alone: every export complete, and these blockers are unknown."""
    names = ["Mailbox", "Mailbox/Archive", "RemoteMailbox", "MailUser", "Recipient/Export", "ExchangeServer", "OrganizationConfig", "AcceptedDomain"]
    rows = [a_set(f"on-premises:{name}", source="exchange-export") for name in names]
    rows += [a_set(f"cloud:{name}", source="exchange-online-export") for name in ("Mailbox", "Recipient", "AcceptedDomain", "OnPremisesOrganization")]
    assert judge(tmp_path, check, rows, stated={"tools.in-use": "no"}).status == "unknown"


def test_commands_quote_names(tmp_path):
    """A name from a directory reaches PowerShell quoted, or not at all."""
    hostile = "O’Brien'; Remove-Mailbox ada; '@contoso.com"
    result = judge(tmp_path, "soa.mailbox", [a_set("cloud:Mailbox"), ex(hostile, is_dir_synced=True, is_cloud_managed=False)])
    assert result.findings[0]["command"] == "Set-Mailbox -Identity 'O’’Brien''; Remove-Mailbox ada; ''@contoso.com' -IsExchangeCloudManaged $true"
    hidden = ex("a\u202eb@contoso.com", is_dir_synced=True, is_cloud_managed=False)
    result = judge(tmp_path, "soa.mailbox", [a_set("cloud:Mailbox"), hidden])
    assert result.findings[0]["command"] == f"Set-Mailbox -Identity '{hidden['row']['guid']}' -IsExchangeCloudManaged $true"


def test_evidence_is_what_was_read(tmp_path):
    """Evidence holds the values themselves; of an object that cannot be judged it names what is missing."""
    rows = [a_set("cloud:Mailbox"), ex("a@contoso.com", is_dir_synced=True, is_cloud_managed=False),
            ex("b@contoso.com", is_dir_synced=True, is_cloud_managed={"answer": "refused"})]
    result = judge(tmp_path, "soa.mailbox", rows)
    assert result.findings[0]["evidence"] == {"IsDirSynced": True, "IsExchangeCloudManaged": False, "RecipientTypeDetails": "UserMailbox"}
    # Who accepts a rule accepts where its connector leads.
    rows = [a_set("cloud:TransportRule"), a_set("cloud:OutboundConnector"), cloud("TransportRule", "Copy", {"RouteMessageOutboundConnector": "To office", "State": "Enabled"}),
            outbound("To office", SmartHosts=["mx.filter.example"])]
    assert judge(tmp_path, "routing.outbound-connector", rows).findings[0]["evidence"]["SmartHosts"] == ["mx.filter.example"]
    assert result.line["unjudged"][0]["why"] == "not obtained: IsExchangeCloudManaged"
    result = judge(tmp_path, "dns.mx", [[a_set(n) for n in BOTH], mx(outcome="servfail")])
    assert result.line["unjudged"][0]["why"] == "not obtained: the MX records of contoso.com in the public view (servfail)"


def test_evidence_is_json(tmp_path):
    """True and false are no numbers, and a list is a list, wherever they were read."""
    connector = cloud("OutboundConnector", "To on premises", {"Enabled": True, "RouteAllMessagesViaOnPremises": True, "SmartHosts": ["mail.contoso.com"]})
    found = judge(tmp_path, "routing.centralized", [connector]).findings[0]["evidence"]
    assert (found["Enabled"], found["RouteAllMessagesViaOnPremises"], found["SmartHosts"]) == (True, True, ["mail.contoso.com"])
    assert isinstance(found["Enabled"], bool)
    held = judge(tmp_path, "mailbox.hold", [local("a@contoso.com", litigation_hold=True, in_place_holds=["mbx1"])]).findings[0]["evidence"]
    assert held["LitigationHoldEnabled"] is True and held["InPlaceHolds"] == ["mbx1"]


ENDPOINT = {"EndpointType": "ExchangeRemoteMove", "RemoteServer": "mail.contoso.com"}


@pytest.mark.parametrize("endpoints,domains,offered", [
    ([ENDPOINT], ["contoso.com", "contoso.mail.onmicrosoft.com"], True),
    ([ENDPOINT, ENDPOINT], ["contoso.mail.onmicrosoft.com"], True),
    ([], ["contoso.mail.onmicrosoft.com"], False),
    ([ENDPOINT], ["contoso.com"], False),
    ([ENDPOINT, {**ENDPOINT, "RemoteServer": "other.contoso.com"}], ["contoso.mail.onmicrosoft.com"], False),
    ([{**ENDPOINT, "EndpointType": "IMAP"}], ["contoso.mail.onmicrosoft.com"], False),
    ([{"EndpointType": "ExchangeRemoteMove"}], ["contoso.mail.onmicrosoft.com"], False)])
def test_move_is_offered_where_it_is_known_whereto(tmp_path, endpoints, domains, offered):
    """A move names its host and its domain, or is not offered."""
    rows = [cloud("MigrationEndpoint", f"e{i}", e) for i, e in enumerate(endpoints)] + [cloud("AcceptedDomain", d, {"DomainName": d}) for d in domains]
    for mailbox in (ad("a@contoso.com", recipient_type_details=1, home_mdb=DB), local("a@contoso.com")):
        command = judge(tmp_path, "mailbox.on-premises", [rows, mailbox]).findings[0]["command"]
        assert command == ("New-MoveRequest -Identity 'a@contoso.com' -Remote -RemoteHostName 'mail.contoso.com' -TargetDeliveryDomain "
                           "'contoso.mail.onmicrosoft.com' -RemoteCredential (Get-Credential)" if offered else "")


def test_no_command_before_its_time(tmp_path):
    """What takes something away that is still needed is not offered ready to paste."""
    directory = obj("WebServicesVirtualDirectory", "EWS (Default Web Site)", {"MRSProxyEnabled": True})
    proxy = lambda *rows: judge(tmp_path, "migration.mrs-proxy", [directory, *rows]).findings[0]["command"]
    assert proxy(a_set(RECIPIENT)).startswith("Set-WebServicesVirtualDirectory ")
    assert proxy(a_set(RECIPIENT), ad("a@contoso.com", recipient_type_details=1, home_mdb=DB)) == ""
    assert proxy(a_set(RECIPIENT), ad("a@contoso.com", recipient_type_details={"answer": "refused"})) == ""
    assert proxy() == "" and proxy(a_set(RECIPIENT, "partial")) == ""
    folders = lambda **values: judge(tmp_path, "public-folder.remote", [cloud("OrganizationConfig", "c", values)]).findings[0]["command"]
    assert folders(PublicFoldersEnabled="Remote", RemotePublicFolderMailboxes=["PF1"]) == ""
    assert folders(PublicFoldersEnabled="Local", RemotePublicFolderMailboxes=["PF1"]) == "Set-OrganizationConfig -RemotePublicFolderMailboxes $null"


def test_the_only_server_is_known_of_all_servers_alone(tmp_path):
    """One without the mailbox role may not be the only one while not all servers were read."""
    edge = server("EDGE1", "Edge")
    assert judge(tmp_path, "server.last", [a_set("on-premises:ExchangeServer"), edge]).found == [(P, "EDGE1")]
    partial = judge(tmp_path, "server.last", [a_set("on-premises:ExchangeServer", "partial", answer=3), edge])
    assert partial.status == "unknown" and partial.found == []
    for state in ("partial", "failed", "not-configured"):
        assert judge(tmp_path, "server.last", [a_set("on-premises:ExchangeServer", state)]).found == []
    assert judge(tmp_path, "server.last", [a_set("on-premises:ExchangeServer", "not-configured"), a_set("on-premises:ExchangeServer", source="exchange-export")]).found \
        == [(P, "contoso")]


@pytest.mark.parametrize("state", ["complete", "partial"])
def test_traffic_never_passes(tmp_path, state):
    """No configuration shows who sends through the default connectors."""
    result = judge(tmp_path, "relay.traffic", [a_set("on-premises:ReceiveConnector", state), FACTORY])
    assert result.status == "unknown" and "default connectors" in result.line["unknown"][0]["why"]


def test_two_sources_show_one_mailbox(tmp_path):
    """A violation seen by one source counts once; what one cannot tell gives way to what the other tells."""
    one = ad("a@contoso.com", recipient_type_details=1, home_mdb=DB)
    result = judge(tmp_path, "mailbox.on-premises", [a_set(RECIPIENT), one, local("a@contoso.com", guid=one["row"]["guid"])])
    assert result.found == [(P, "a@contoso.com")]
    untold = ad("b@contoso.com", recipient_type_details={"answer": "refused"})
    rows = [a_set(RECIPIENT), untold]
    assert judge(tmp_path, "mailbox.on-premises", rows).status == "unknown"
    rows.append(local("b@contoso.com", "RemoteMailbox", recipient_type_details="RemoteUserMailbox", guid=untold["row"]["guid"]))
    assert judge(tmp_path, "mailbox.on-premises", rows).status == "pass"


def test_an_export_stands_in_for_the_directory(tmp_path):
    """One complete alternative is enough."""
    for check, name in (("mailbox.on-premises", "on-premises:Mailbox"), ("mailbox.site", "on-premises:SiteMailbox"), ("autodiscover.scp", "on-premises:ClientAccessService"),
                        ("soa.dynamic-group", "on-premises:DynamicDistributionGroup")):
        assert judge(tmp_path, check, [a_set(RECIPIENT, "failed"), a_set(name, source="exchange-export")]).status == "pass"
    # Get-Mailbox alone says nothing about references that it does not list.
    assert judge(tmp_path, "mailbox.hidden-reference", [a_set("on-premises:Mailbox", source="exchange-export")]).status == "unknown"


def test_default_flag_off_is_not_early(tmp_path):
    """While the flag is off it cannot be too early, whatever else was not read."""
    result = judge(tmp_path, "soa.default-early", [a_set("cloud:OrganizationConfig"), [a_set(n) for n in EARLY_NEEDS[1:]], org(**{FLAG: False}),
                                                   ad("u@contoso.com", recipient_type_details=1)])
    assert result.status == "not-applicable", result


def test_relay_recipients_apply_to_relayed_domains_alone(tmp_path):
    spec = SPECS["routing.relay-recipients"]
    result = judge(tmp_path, "routing.relay-recipients", [spec.sets(), domain("contoso.com"), ad("only.here@contoso.com")])
    assert result.status == "not-applicable", result
    # Whether a domain relays is not known: nothing can be said.
    result = judge(tmp_path, "routing.relay-recipients", [spec.sets("cloud:AcceptedDomain"), domain("contoso.com"), ad("only.here@contoso.com")])
    assert result.status == "unknown", result
    result = judge(tmp_path, "routing.relay-recipients", [spec.sets(), fill([domain("contoso.com", MISSING)], "refused")])
    assert result.status == "unknown", result


def test_remote_routing_without_known_tenant(tmp_path):
    """While the tenant's domains are not known the shape of the address has to do, and the check does not pass."""
    rows = [a_set(RECIPIENT), ad("a@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:a@contoso.mail.onmicrosoft.com"),
            ad("b@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:b@contoso.com")]
    result = judge(tmp_path, "routing.address", [*rows, a_set("cloud:AcceptedDomain", "failed")])
    assert result.found == [(P, "b@contoso.com")] and not result.complete
    result = judge(tmp_path, "routing.address", [a_set(RECIPIENT), TENANT, a_set("cloud:AcceptedDomain", "partial"),
                                                 ad("o@contoso.com", recipient_type_details=REMOTE, target_address="SMTP:o@other.mail.onmicrosoft.com")])
    assert result.status == "unknown" and result.unjudged == [(P, "o@contoso.com")], result


def test_listed_server_counts_while_accounts_were_not_searched(tmp_path):
    """A server is called a ghost only where all computer accounts were searched."""
    rows = [a_set("on-premises:ExchangeServer"), server("EX01"), server("EX09"), computer("EX01")]
    for extra in ([], [a_set("on-premises:ExchangeComputer", "partial")]):
        assert judge(tmp_path, "server.last", [rows, extra]).found == [(P, "EX01"), (P, "EX09")]
        assert judge(tmp_path, "server.ghost", [rows, extra]).status == "unknown"
    # No server seen proves nothing while the list was not read.
    result = judge(tmp_path, "server.last", [a_set("on-premises:ExchangeServer", "partial"), LOOKED])
    assert result.status == "unknown" and result.found == [], result


def test_autodiscover_by_a_wildcard_has_another_remedy(tmp_path):
    """The finding is the same. Not told, or not the same, is no wildcard; one below another parent or in the other view is another's."""
    spec = SPECS["autodiscover.dns"]
    for view, beside, said in (("public", [unmade("contoso.com", "A", "203.0.113.10")], True), ("public", [unmade("contoso.com", "A", "198.51.100.7")], False),
                               ("public", [unmade("contoso.com", "A", "203.0.113.10", outcome="servfail")], False),
                               ("public", [unmade("contoso.org", "A", "203.0.113.10")], False), ("public", [unmade("contoso.com", "AAAA", "203.0.113.10")], False),
                               ("internal", [unmade("contoso.com", "A", "203.0.113.10")], False), ("public", [], False)):
        result = judge(tmp_path, "autodiscover.dns", [spec.sets(), spec.also, auto("203.0.113.10", view=view), beside])
        (finding,) = result.line["findings"]
        assert (finding["evidence"].get("wildcard") == "*.contoso.com") is said and ("an alias of its own" in finding["message"]) is said, (beside, result)


def test_mx_of_both_views_are_two_findings(tmp_path):
    rows = [a_set(n) for n in BOTH] + list(flat([NETWORKS, mx("mail.contoso.com"), mx("mail.contoso.com", view="internal")]))
    result = judge(tmp_path, "dns.mx", rows)
    assert sorted(f["key"] for f in result.findings) == ["dns.mx/dns/internal:contoso.com", "dns.mx/dns/public:contoso.com"]


def test_second_server_answers_for_the_first(tmp_path):
    """One server of a view that answers makes up for one that does not; a wrong answer of either counts."""
    for check, bad, good, wrong in (("dns.mx", mx(outcome="servfail"), mx(EOP), mx("mail.contoso.com")),):
        assert judge(tmp_path, check, [[a_set(n) for n in BOTH], NETWORKS, bad, good]).status == "pass"
        assert judge(tmp_path, check, [[a_set(n) for n in BOTH], NETWORKS, good, wrong]).status == "fail"


def test_freshness(tmp_path):
    """Old, cut off and interrupted observations do not count; a report judges as of the observation."""
    check = "freshness.observation"
    assert judge(tmp_path, check, [observation()]).status == "pass"
    assert judge(tmp_path, check, [observation(started_at=NOW - 2 * DAY, ended_at=NOW - 2 * DAY + 60)]).status == "fail"
    assert judge(tmp_path, check, [observation(started_at=NOW - 2 * DAY, ended_at=NOW - 2 * DAY + 60)], now=0).status == "pass"
    assert judge(tmp_path, check, [observation(ended_at=0)]).status == "fail"
    assert judge(tmp_path, check, [observation(interrupted=1)]).status == "fail"
    assert judge(tmp_path, check, [observation(started_at=NOW + DAY, ended_at=NOW + DAY + 60)]).status == "unknown"
    found = judge(tmp_path, check, [observation(interrupted=1)]).findings[0]
    assert found["evidence"]["started_at"] == "2027-01-15T07:58:00Z" and found["object"] == "observation"


def test_completeness(tmp_path):
    """What was not read is unknown, not a fault; another source that read it makes up for it."""
    check = "freshness.completeness"

    def source(name, state):
        return {"table": "source", "row": dict(id=name, state=state, answer=0, error_class=0, objects=0, requests=0, milliseconds=0, cpu_milliseconds=0, detail="no answer")}

    good = [a_set("cloud:Mailbox"), source("lab", "complete")]
    assert judge(tmp_path, check, good).status == "pass"
    assert judge(tmp_path, check, [*good, a_set("dns:public", "not-configured", "dns"), source("dns", "not-configured")]).status == "pass"
    result = judge(tmp_path, check, [*good, a_set("cloud:Recipient", "partial", "exchange-online", why="page 4 of 9 failed")])
    assert result.status == "unknown" and result.unjudged == [("cloud", "cloud:Recipient")], result
    assert "page 4 of 9 failed" in result.line["unjudged"][0]["why"]
    # One part of a set decides for the whole.
    result = judge(tmp_path, check, [*good, a_set("on-premises:Recipient", part="DC=a"), a_set("on-premises:Recipient", "failed", part="DC=b")])
    assert result.status == "unknown", result
    result = judge(tmp_path, check, [*good, a_set("cloud:Recipient", "failed", "exchange-online"), a_set("cloud:Recipient", source="exchange-online-export")])
    assert result.status == "pass", result
    assert judge(tmp_path, check, [*good, source("graph", "failed")]).unjudged == [("logs", "graph")]
    assert judge(tmp_path, check, []).status == "unknown"
    # A server that Active Directory shows to be gone cannot answer; while that is not sure, or another is there, it has to.
    gone = [*good, a_set("on-premises:ExchangeServer", source="directory"), a_set("on-premises:Mailbox", "failed", "exchange-server"),
            source("exchange-server", "failed")]
    assert judge(tmp_path, check, gone).status == "pass"
    for left in (obj("ExchangeServer", "EX01", {}), a_set("on-premises:ExchangeServer", "partial", "directory", part="x")):
        assert judge(tmp_path, check, [*gone, left]).status == "unknown", left
    unread = [one for one in gone if one.get("row", {}).get("name") != "ExchangeServer"]
    assert len(unread) < len(gone) and judge(tmp_path, check, unread).status == "unknown"


def test_exit_of_a_broken_check_is_unknown(tmp_path):
    """Damaged JSON in the facts stops no judging and never makes a pass."""
    bad = cloud("OrganizationConfig", "contoso.onmicrosoft.com")
    bad["row"]["json"] = "{broken"
    result = judge(tmp_path, "public-folder.remote", [a_set("cloud:OrganizationConfig"), bad])
    assert result.status == "unknown", result


# ---- attribute writeback ----

def test_writeback_job_is_missed_where_applications_read(tmp_path):
    """Nobody set it up: what then matters is whether applications read Active Directory, and that no source sees."""
    checks = [check for check in SPECS if check.startswith("writeback.")]
    different = twins("a@contoso.com", {"mail": "x@contoso.com"})
    sets = [a_set(n) for n in ("cloud:Mailbox", RECIPIENT, JOBS)]
    for check in checks:
        result = judge(tmp_path, check, [sets, WRITEBACK_SETTINGS, different, ABSENT])
        assert result.status == "unknown" and not result.found and not result.unjudged, result
        assert "whether this check applies could not be told" in str(result.line["unknown"])
    # Nobody reads: none applies, whatever was not looked at. A job that is there counts all the same.
    no, yes = {READS: "no"}, {READS: "yes"}
    for check in checks:
        assert judge(tmp_path, check, [WRITEBACK_SETTINGS, different, ABSENT], stated=no).status == "not-applicable", check
    assert judge(tmp_path, "writeback.attributes", [sets, GOOD_JOB, different], stated=no).found == [(P, "a@contoso.com")]
    # Somebody reads.
    assert judge(tmp_path, "writeback.attributes", [sets, WRITEBACK_SETTINGS, different], stated=yes).found == [(P, "a@contoso.com")]
    assert judge(tmp_path, "writeback.object", [sets, WRITEBACK_SETTINGS, ABSENT], stated=yes).found == [(C, "gone@contoso.com")]
    assert judge(tmp_path, "writeback.job", [sets, WRITEBACK_SETTINGS], stated=yes).found == [(C, "Cloud Sync")]
    assert judge(tmp_path, "writeback.job", [sets, WRITEBACK_SETTINGS, sync_job("h", "AAD2ADExchangeHybridWriteback")], stated=yes).found == [(C, "Cloud Sync")]
    # A job of a template that nobody knows may be the one; a set that was not read in full may hold it.
    result = judge(tmp_path, "writeback.job", [sets, WRITEBACK_SETTINGS, sync_job("n", "Entra2ADSomethingNew")], stated=yes)
    assert result.status == "unknown" and "Entra2ADSomethingNew" in result.line["unjudged"][0]["why"], result
    # So may one that nobody told the template of; then it is not known either that nobody set it up.
    untold = [sets, WRITEBACK_SETTINGS, sync_job("u", template={"@answer": "refused"})]
    assert judge(tmp_path, "writeback.job", untold, stated=yes).unjudged == [(C, "u")]
    for check in checks:
        assert judge(tmp_path, check, untold, stated=no).status == "unknown", check
    result = judge(tmp_path, "writeback.job", [a_set(JOBS, "partial", answer=3), WRITEBACK_SETTINGS], stated=yes)
    assert result.status == "unknown" and not result.found, result


def test_writeback_agent(tmp_path):
    """Agents that are seen to be inactive count; an active one lacks its version, which only a person knows."""
    check, told = "writeback.agent", {"writeback.agent": "yes"}
    hidden = a_set(AGENTS, "not-configured", "graph")
    assert judge(tmp_path, check, [GOOD_JOB, hidden]).status == "unknown"
    assert judge(tmp_path, check, [GOOD_JOB, hidden], stated=told).status == "pass"
    unseen = [GOOD_JOB, a_set(AGENTS), agent("S1", {"@answer": "refused"}), agent("S2", "inactive")]
    assert judge(tmp_path, check, unseen).unjudged == [(C, "S1")]
    assert judge(tmp_path, check, unseen, stated=told).status == "pass"
    assert judge(tmp_path, check, [GOOD_JOB, a_set(AGENTS), agent("S1", "active")], stated=told).status == "pass"
    for rows in ([a_set(AGENTS)], [a_set(AGENTS), agent("S2", "inactive")]):
        assert judge(tmp_path, check, [GOOD_JOB, *rows], stated=told).found == [(C, "Cloud Sync")]
    assert judge(tmp_path, check, [GOOD_JOB, a_set(AGENTS, "partial", answer=2), agent("S2", "inactive")]).status == "unknown"


def test_writeback_tells_both_values(tmp_path):
    rows = twins("a@contoso.com", {"mail": "old@contoso.com", "addresses": ["SMTP:a@contoso.com", "smtp:old@contoso.com"], "custom_attributes": ["R&D", "x"]},
                 {"addresses": ["SMTP:a@contoso.com", "smtp:new@contoso.com"]})
    findings = {f["key"].rpartition("/")[2]: f for f in judge(tmp_path, "writeback.attributes", [GOOD_JOB, rows]).findings}
    assert set(findings) == {"mail", "proxyAddresses", "extensionAttribute"}
    assert all(f["key"] == f"writeback.attributes/on-premises/{rows[0]['row']['guid']}/{name}" for name, f in findings.items())
    assert findings["mail"]["evidence"] == {"mail": "old@contoso.com", "WindowsEmailAddress": "a@contoso.com"}
    assert findings["extensionAttribute"]["evidence"] == {"extensionAttribute2": "x", "CustomAttribute2": "", "extensionAttribute3": "", "CustomAttribute3": "7"}
    assert findings["proxyAddresses"]["evidence"] == {
        "proxyAddresses": ["SMTP:a@contoso.com", "smtp:old@contoso.com"], "EmailAddresses": ["SMTP:a@contoso.com", "smtp:new@contoso.com"],
        "only in Active Directory": ["smtp:old@contoso.com"], "only in Exchange Online": ["smtp:new@contoso.com"]}


def test_writeback_finds_pairs_among_many(tmp_path):
    """More than one stage, hundreds of each, in an order that has nothing to do with it: each difference and none else."""
    ways = ("entra", "mailbox", "consistency", "object", "address")
    rows, wrong = [], set()
    for n in range(600):
        address = f"u{n * 7919 % 600:03d}@contoso.com"
        bad = n % 37 == 0
        wrong |= {(P, address)} if bad else set()
        rows.append(twins(address, {"custom_attributes": [f"old {n}"]} if bad else {}, by=ways[n % 5]))
    here, there = [pair[0] for pair in rows], [pair[1] for pair in rows]
    assert judge(tmp_path, "writeback.attributes", [GOOD_JOB, here[::-1], there]).found == sorted(wrong)
    assert judge(tmp_path, "writeback.object", [a_set(RECIPIENT), GOOD_JOB, here[1:], there]).found == [(C, there[0]["row"]["primary_address"])]
