#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CLIXML to facts: an export of Get-Mailbox, read as the audit reads it (SAX, rows in a facts file), against xmllint
--noout (libxml2's DOM) on the same file, in turns in one run. Once as the Exchange Management Shell writes it, with
SerializationData beside every value, once without. Prints one JSON line for each figure.

    bench_clixml.py BUILD_DIR [MEGABYTES]     default 200
limit: for speeds the least ratio to xmllint's; for memory the most, and how much more it may be for twice the file.
"""
import base64
import hashlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time

RUNS = 3
SAMPLE_SECONDS = 0.01
FASTER = 4
MEMORY_KIB = 64 * 1024       # what a whole audit may take
GROWTH_KIB = 4 * 1024        # for twice the file: what allocators leave
OBSERVE = os.path.join(sys.argv[1], "tests", "integration", "drivers", "export_observe")
MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 200
TYPES = ("Microsoft.Exchange.Data.Directory.Management.Mailbox", "Microsoft.Exchange.Data.Directory.Management.MailEnabledOrgPerson",
         "Microsoft.Exchange.Data.Directory.Management.MailEnabledRecipient", "Microsoft.Exchange.Data.Directory.ADPresentationObject",
         "Microsoft.Exchange.Data.Directory.ADObject", "Microsoft.Exchange.Data.ConfigurableObject", "System.Object")
LIST = "Microsoft.Exchange.Data.MultiValuedProperty`1[[System.String, mscorlib, Version=4.0.0.0, Culture=neutral]]"
FLAGS = ("DeliverToMailboxAndForward", "LitigationHoldEnabled", "SingleItemRecoveryEnabled", "RetentionHoldEnabled", "IsMailboxEnabled",
         "UseDatabaseQuotaDefaults", "UseDatabaseRetentionDefaults", "HasPicture", "IsResource", "IsLinked", "IsShared", "IsDirSynced",
         "QueryBaseDNRestrictionEnabled", "CalendarVersionStoreDisabled", "AuditEnabled", "ModerationEnabled", "IsSoftDeletedByRemove",
         "IsSoftDeletedByDisable", "IsInactiveMailbox", "HiddenFromAddressListsEnabled", "EmailAddressPolicyEnabled", "IsValid")
EMPTY = ("Office", "MailTip", "SimpleDisplayName", "AdminDisplayVersion", "RoomMailboxAccountEnabled", "ResourceCapacity", "ResourceType",
         "SharingPolicy", "RemoteAccountPolicy", "DisabledArchiveDatabase", "DisabledArchiveGuid", "JournalArchiveAddress", "ForwardingAddress",
         "RetentionComment", "RetentionUrl", "LitigationHoldDate", "ElcProcessingDisabled", "EndDateForRetentionHold")
SIZES = ("IssueWarningQuota", "ProhibitSendQuota", "ProhibitSendReceiveQuota", "RecoverableItemsQuota", "RecoverableItemsWarningQuota",
         "CalendarLoggingQuota", "MaxSendSize", "MaxReceiveSize", "ArchiveQuota", "ArchiveWarningQuota")


class Writer:
    """Objects and type names of one document get their ids; a type is written out once."""

    def __init__(self, full):
        self.full, self.objects, self.types = full, 0, {}

    def type(self, names):
        if names in self.types:
            return f'<TNRef RefId="{self.types[names]}" />'
        self.types[names] = len(self.types)
        return f'<TN RefId="{self.types[names]}">' + "".join(f"\n      <T>{one}</T>" for one in names) + "</TN>"

    def object(self, name, types, body):
        self.objects += 1
        label = f' N="{name}"' if name else ""
        data = ""
        if self.full:   # as long as those that were recorded, and different each time
            bits = hashlib.sha512(str(self.objects).encode()).digest() * 8
            data = f'\n        <MS><BA N="SerializationData">{base64.b64encode(bits).decode()}</BA></MS>'
        return f'\n      <Obj{label} RefId="{self.objects}">{self.type(types)}\n        {body}{data}\n      </Obj>'

    def identity(self, name, text, guid):
        dn = f"CN={text},OU=Users,OU=Branch {len(text)},DC=contoso,DC=com"
        return self.object(name, ("Microsoft.Exchange.Data.Directory.ADObjectId", "Microsoft.Exchange.Data.ObjectId", "System.Object"),
                           f'<ToString>contoso.com/Users/{text}</ToString><Props><B N="IsDeleted">false</B><S N="Rdn">CN={text}</S>'
                           f'<S N="Parent">contoso.com/Users</S><I32 N="Depth">4</I32><S N="DistinguishedName">{dn}</S><S N="DomainId">'
                           f'contoso.com</S><G N="ObjectGuid">{guid}</G><S N="Name">{text}</S></Props>')

    def mailbox(self, i):
        guid = f"{i:08x}-1111-4222-8333-{i:012x}"
        address = f"user{i}@contoso.com"
        parts = [self.identity("Identity", f"User {i}", guid), self.identity("Database", f"DB{i % 40:02}", guid),
                 f'\n      <G N="Guid">{guid}</G><G N="ExchangeGuid">{guid}</G><G N="ArchiveGuid">00000000-0000-0000-0000-000000000000</G>']
        one = [self.object("", ("Microsoft.Exchange.Data.SmtpProxyAddress", "Microsoft.Exchange.Data.ProxyAddress", "System.Object"),
                           f'<ToString>{text}</ToString><Props><S N="AddressString">{text[5:]}</S><S N="ProxyAddressString">{text}</S>'
                           f'<B N="IsPrimaryAddress">{str(text[0] == "S").lower()}</B></Props>')
               for text in (f"SMTP:{address}", f"smtp:u{i}@contoso.mail.onmicrosoft.com", f"smtp:first.last{i}@fabrikam.com")]
        parts.append(self.object("EmailAddresses", ("Microsoft.Exchange.Data.ProxyAddressCollection", LIST, "System.Object"),
                                 "<LST>" + "".join(one) + "</LST>"))
        parts.append(self.object("PrimarySmtpAddress", ("Microsoft.Exchange.Data.SmtpAddress", "System.ValueType", "System.Object"),
                                 f"<ToString>{address}</ToString><Props><S N=\"Domain\">contoso.com</S></Props>"))
        parts.append(self.object("RecipientTypeDetails", ("Microsoft.Exchange.Data.Directory.Recipient.RecipientTypeDetails", "System.Enum",
                                                          "System.Object"), "<ToString>UserMailbox</ToString><I64>1</I64>"))
        for name in SIZES:
            parts.append(self.object(name, ("Microsoft.Exchange.Data.Unlimited`1", "System.ValueType", "System.Object"),
                                     "<ToString>49.5 GB (53,150,220,288 bytes)</ToString><Props><B N=\"IsUnlimited\">false</B></Props>"))
        for name in ("InPlaceHolds", "Languages", "ResourceCustom", "GrantSendOnBehalfTo", "UMDtmfMap", "PoliciesIncluded"):
            parts.append(self.object(name, (LIST, "System.Object"), "<LST><S>a1f0c9d2</S><S>b2e1d8c3</S></LST>"))
        parts += [f'\n      <B N="{name}">false</B>' for name in FLAGS] + [f'\n      <Nil N="{name}" />' for name in EMPTY]
        parts += [f'\n      <S N="CustomAttribute{n}">{"value " + str(i) if n < 4 else ""}</S>' for n in range(1, 16)]
        parts += [f'\n      <S N="{name}">{text}</S>' for name, text in (
            ("DisplayName", f"User {i}"), ("Alias", f"user{i}"), ("UserPrincipalName", address), ("SamAccountName", f"user{i}"),
            ("ServerName", "ex01"), ("LegacyExchangeDN", f"/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn={guid}"),
            ("Name", f"User {i}"), ("DistinguishedName", f"CN=User {i},OU=Users,DC=contoso,DC=com"), ("Notes", "first_x000D__x000A_second"))]
        parts.append('\n      <DT N="WhenCreated">2020-03-04T05:06:07+01:00</DT><DT N="WhenMailboxCreated">2020-03-04T05:06:08Z</DT>')
        self.objects += 1
        return f'\n  <Obj RefId="{self.objects}">{self.type(TYPES)}\n    <ToString>User {i}</ToString>\n    <Props>{"".join(parts)}\n    </Props>\n  </Obj>'


def write(path, size, full):
    writer, count = Writer(full), 0
    with open(path, "w", encoding="utf-8-sig") as out:
        written = out.write('<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">')
        while written < size:
            written += out.write(writer.mailbox(count))
            count += 1
        out.write("\n</Objs>\n")
    return count


def high_water(pid):
    """Peak resident KiB of a process so far. Not getrusage's: that one starts at what the parent held when it forked."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


def timed(command):
    """(processor seconds, KiB at most) of a program."""
    child, peak, ended = os.posix_spawnp(command[0], command, os.environ), 0, 0
    while not ended:
        peak = max(peak, high_water(child))
        ended, status, used = os.wait4(child, os.WNOHANG)
        time.sleep(SAMPLE_SECONDS)
    if status != 0:
        raise SystemExit(f"{command[0]} failed")
    return used.ru_utime + used.ru_stime, peak


def observe(folder, count):
    facts, config = os.path.join(folder, "facts.db"), os.path.join(folder, "unhybrid.yaml")
    if os.path.exists(facts):
        os.unlink(facts)
    with open(config, "w", encoding="utf-8") as out:
        out.write(f"organization: bench\nexchange:\n  export: {folder}/export\n")
    figures = timed([OBSERVE, config, facts])
    db = sqlite3.connect(facts)
    got = db.execute("SELECT count(*), count(DISTINCT guid), min(database_name) FROM t_exchange_recipient").fetchone()
    state = db.execute("SELECT state FROM t_set WHERE name = 'Mailbox' AND source = 'exchange-export'").fetchone()
    if got != (count, count, "contoso.com/Users/DB00") or state != ("complete",):
        raise SystemExit(f"the facts are not those of the file: {got}, {state}")
    return figures


def tell(name, value, unit, limit=None, good=True, **more):
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "limit": limit, "ok": good, **more}), flush=True)
    return good


def measure(folder, full):
    name = "full" if full else "plain"
    os.makedirs(os.path.join(folder, "export"), exist_ok=True)
    path = os.path.join(folder, "export", "Get-Mailbox.Unlimited.xml")
    half = write(path, MEGABYTES * 500000, full)
    _, half_memory = observe(folder, half)
    count = write(path, MEGABYTES * 1000000, full)
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(observe(folder, count))
        theirs.append(timed(["xmllint", "--noout", "--huge", path]))
    seconds, yardstick = (statistics.median(one[0] for one in runs) for runs in (ours, theirs))
    size, memory = os.path.getsize(path) / 1e6, max(one[1] for one in ours)
    tell(f"{name}: file", size, "MB", objects=count)
    tell(f"{name}: xmllint --noout", size / yardstick, "MB/s", memory_kib=max(one[1] for one in theirs))
    tell(f"{name}: CLIXML to facts", size / seconds, "MB/s", objects_per_second=round(count / seconds))
    good = tell(f"{name}: against xmllint", yardstick / seconds, "times", FASTER, yardstick / seconds >= FASTER)
    good = tell(f"{name}: memory", memory, "KiB", MEMORY_KIB, memory <= MEMORY_KIB) and good
    return tell(f"{name}: memory, more than for half of it", memory - half_memory, "KiB", GROWTH_KIB,
                memory - half_memory <= GROWTH_KIB) and good


def main():
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(folder, full) for full in (True, False)]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
