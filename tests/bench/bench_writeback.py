#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Are a million mailboxes in Exchange Online what Active Directory says they are? From facts, no service takes part.

    bench_writeback.py BUILD [MAILBOXES ...]        default 10000 200000 1000000

For each size a facts file in which one mailbox of a thousand differs, judged by the check writeback.attributes: seconds,
peak memory, and that exactly the seeded differences are found. In the same run the yardstick: SQLite alone joins the two
tables by the same id and counts what is not the same text. At 200000 also the ways that cost more: the objects know each
other by the mailbox's GUID only, by address only; and one mailbox of ten differs (the driver then holds all findings, so
its memory says nothing). One JSON line for each figure; ratio is value by yardstick.
"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "bench"))

from bench_audit import measured  # noqa: E402

SIZES = (10000, 200000, 1000000)
SECONDS, SECONDS_SIZE, WAYS_SIZE, MEMORY_MIB, MEMORY_SPREAD = 10.0, 1000000, 200000, 24, 1.5
NOW = 1_800_000_000
WAYS = {"entra": (1000, "entra"), "mailbox-guid": (1000, "mailbox"), "address": (1000, "address"), "one-of-ten": (10, "entra")}

HEAD = [
    {"table": "observation", "row": {"organization": "contoso", "tenant": "t", "program": "0", "host": "lab", "started_at": NOW - 120, "ended_at": NOW - 60}},
    *[{"table": "set", "row": {"source": "lab", "side": side, "name": name, "state": "complete", "observed_at": NOW - 60}}
      for side, name in (("cloud", "Mailbox"), ("on-premises", "Recipient"))],
    {"table": "setting", "row": {"name": "writeback.templates", "position": 0, "value": "Writeback"}},
    {"table": "object", "row": {"source": "graph", "side": "cloud", "kind": "GraphSynchronizationJob", "json": {"id": "1", "templateId": "Writeback"}}}]

# Row number i is mailbox i; the other side holds them in an order of its own.
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) "
ENTRA = "printf('2e4c6a8d-3f51-4b02-9c7a-%012x', {0})"
BLOB = "unhex_guid({0})"
ADDRESSES = "'[\"SMTP:' || printf('u%07d@contoso.com', {0}) || '\",\"smtp:' || printf('u%07d@contoso.mail.onmicrosoft.com', {0}) || '\",\"smtp:' || printf('first.last%07d@contoso.com', {0}) || '\"]'"


KEYS = {"t_directory_recipient": ("external_id", "consistency_guid", "mailbox_guid"), "t_exchange_recipient": ("external_id", "immutable_id", "exchange_guid")}


def fill(db, count, every, known_by):
    def of(text, number):
        return text.format(number)
    there = "((i * 7919) % :count)"
    entra, mailbox = known_by == "entra", known_by in ("entra", "mailbox")
    common = {"addresses": ADDRESSES, "custom_attributes": "'[\"Cost centre ' || ({0}) % 97 || '\",\"\",\"7\"]'"}
    directory = {"domain": "'DC=contoso,DC=com'", "via": "'dc'", "guid": "randomblob(16)", "dn": "'CN=U' || i || ',OU=People,DC=contoso,DC=com'", "class": "'user'",
                 "name": "'User ' || i", "recipient_type_details": "2147483648", "mail": of("printf('u%07d@contoso.com', {0})", "i"),
                 **{k: of(v, "i") for k, v in common.items()}}
    exchange = {"side": "'cloud'", "source": "'exchange-online'", "kind": "'Mailbox'", "listing": "''", "guid": "randomblob(16)", "is_dir_synced": "1",
                "is_cloud_managed": "1", "recipient_type_details": "'UserMailbox'", "external_id": of(ENTRA, there), "name": of("'User ' || {0}", there),
                "primary_address": of("printf('u%07d@contoso.com', {0})", there), **{k: of(v, there) for k, v in common.items()},
                # every so often the mailbox has got another address since
                "windows_address": of("iif({0} % " + str(every) + " = 7, 'new', '') || printf('u%07d@contoso.com', {0})", there)}
    if entra:
        directory["external_id"] = "'User_' || " + of(ENTRA, "i")
    if mailbox:
        directory["mailbox_guid"], exchange["exchange_guid"] = of(BLOB, "i"), of(BLOB, there)
    keys = {"domain", "via", "dn", "side", "source", "kind", "listing"}
    for table, values in (("t_directory_recipient", directory), ("t_exchange_recipient", exchange)):
        names, texts = list(values), list(values.values())
        for name in [n for n in names if n not in keys and not (table == "t_directory_recipient" and n == "guid")]:
            names.append(name + "_state")
            texts.append("0")
        for name in KEYS[table]:
            if name not in values:      # told, and there is none
                names.append(name + "_state")
                texts.append("1")
        db.execute(f"{NUMBERS} INSERT INTO {table}({', '.join(names)}) SELECT {', '.join(texts)} FROM n", {"count": count})


def make(build, path, count, every, known_by):
    lines = "".join(json.dumps(line) + "\n" for line in HEAD)
    subprocess.run([os.path.join(build, "tests", "integration", "drivers", "facts_make"), path], input=lines.encode(), check=True)
    db = sqlite3.connect(path, isolation_level=None)
    db.create_function("unhex_guid", 1, lambda i: (0x3d5e7f9a4a624c03 << 64 | i).to_bytes(16, "big"), deterministic=True)
    for sql in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-200000", "BEGIN"):
        db.execute(sql)
    fill(db, count, every, known_by)
    db.execute("COMMIT")
    db.close()
    return sum(1 for i in range(count) if i % every == 7)


YARDSTICK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute('''SELECT count(*) FROM t_exchange_recipient AS e JOIN t_directory_recipient AS d
  ON d.external_id = 'User_' || e.external_id WHERE d.addresses <> e.addresses OR d.mail <> e.windows_address
  OR d.custom_attributes <> e.custom_attributes''').fetchone()[0], file=sys.stderr)
"""


def tell(n, metric, value, unit, yardstick=None, limit=None, ratio=None):
    ratio = round(value / yardstick, 3) if yardstick else ratio
    row = {"bench": "writeback", "n": n, "metric": metric, "value": round(value, 3), "unit": unit,
           "yardstick": round(yardstick, 3) if yardstick else None, "ratio": ratio, "limit": limit}
    print(json.dumps(row), flush=True)
    print(f"  {n:>8} {metric:28} {value:12.3f} {unit:9} {'' if ratio is None else ratio:>8} {'' if limit is None else limit:>8}", file=sys.stderr)


def judged(build, path, expected):
    """-> (seconds, peak MiB, CPU seconds) of a judgement that found what it had to find."""
    driver = os.path.join(build, "tests", "integration", "drivers", "facts_judge")
    lines = subprocess.run([driver, path, str(NOW), "writeback.attributes"], capture_output=True, check=True).stdout.splitlines()
    check = next(line for line in map(json.loads, lines) if line.get("id") == "writeback.attributes")
    if (check["status"], len(check["findings"]), check["unjudged"]) != ("fail", expected, []):
        raise SystemExit(f"{check['status']} with {len(check['findings'])} findings, not {expected}: {check['unknown']} {check['unjudged'][:3]}")
    seconds, peak, cpu, status, said = measured([driver, path, str(NOW), "writeback.attributes"])
    if status:
        raise SystemExit(said)
    return seconds, peak / 1024, cpu


def main():
    build = os.path.abspath(sys.argv[1])
    sizes = [int(text) for text in sys.argv[2:]] or SIZES
    memory = {}
    directory = tempfile.mkdtemp(prefix="unhybrid-bench-")
    try:
        for size in sizes:
            for way, (every, known_by) in WAYS.items():
                if way != "entra" and size != WAYS_SIZE:
                    continue
                path = os.path.join(directory, "facts.db")
                expected = make(build, path, size, every, known_by)
                seconds, peak, cpu = judged(build, path, expected)
                name = "" if way == "entra" else "_" + way
                plain = measured(["/usr/bin/python3", "-c", YARDSTICK, path])[0] if way == "entra" else None
                tell(size, "compare" + name, seconds, "s", plain, SECONDS if size == SECONDS_SIZE and not name else None)
                tell(size, "cpu" + name, cpu, "s")
                if way != "one-of-ten":
                    tell(size, "peak_memory" + name, peak, "MiB", limit=MEMORY_MIB)
                if not name:
                    memory[size] = peak
                os.unlink(path)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if len(memory) > 1:
        tell(0, "memory_spread", max(memory.values()) / min(memory.values()), "ratio", limit=MEMORY_SPREAD)


if __name__ == "__main__":
    main()
