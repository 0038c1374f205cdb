#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A snapshot of a directory with many recipients, and the difference of two, against the raw read: ldapsearch with the same
filter and attributes, page by page, in turns in one run. Prints one JSON line.

    bench_snapshot.py BUILD_DIR [RECIPIENTS]          default 200000
limit: the ratio of snapshot and difference together to the raw reads of both, and KiB of memory.
"""
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import yaml  # noqa: E402

from fixtures.lab import certificates  # noqa: E402
from fixtures.lab.lab import Lab  # noqa: E402

RECIPIENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 200000
PROGRAM = os.path.join(sys.argv[1], "engine", "cli", "unhybrid")
RUNS, RATIO, MEMORY_KIB = 3, 1.5, 64 * 1024


def attributes():
    with open(os.path.join(ROOT, "engine", "sources", "snapshot_attributes.h"), encoding="utf-8") as text:
        return ["objectGUID", "objectClass"] + re.findall(r'"([\w-]+)"', text.read())


def recipient_filter():
    with open(os.path.join(ROOT, "engine", "sources", "directory_recipients.c"), encoding="utf-8") as text:
        source = text.read()
    mail = "".join(re.findall(r'"([^"]*)"', source[source.index("#define MAIL_ATTRIBUTES"):source.index("const char *const uh_recipient_filter =")]))
    rest = "".join(re.findall(r'"([^"]*)"', source[source.index("const char *const uh_recipient_filter ="):source.index("const char *const uh_recipient_filter_gc")]))
    return rest.replace("(|", "(|" + mail, 1)


def fill(lab):
    """More recipients, loaded while slapd is down."""
    _, slapd = lab._slapd()
    context = slapd.contexts[0]
    lab.stop_part("directory")
    loader = slapd.open_loader(context)
    for i in range(RECIPIENTS):
        loader.stdin.write((f"dn: CN=user{i},CN=Users,{context}\nobjectClass: user\ncn: user{i}\nsAMAccountName: user{i}\nmail: user{i}@fabrikam.com\n"
                            f"mailNickname: user{i}\nproxyAddresses: SMTP:user{i}@fabrikam.com\nproxyAddresses: smtp:user{i}@fabrikam.mail.onmicrosoft.com\n"
                            f"targetAddress: SMTP:user{i}@fabrikam.mail.onmicrosoft.com\nlegacyExchangeDN: /o=Fabrikam/cn=user{i}\n"
                            f"msExchRecipientTypeDetails: 2147483648\nmsExchRecipientDisplayType: -2147483642\nmsExchRemoteRecipientType: 4\n"
                            f"objectGUID:: {__import__('base64').b64encode(i.to_bytes(16, 'big')).decode()}\n\n").encode())
    slapd.close_loader(loader)
    lab.start_part("directory")


def timed(command, **more):
    begun = time.monotonic()
    done = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
    said = done.stderr.read()
    _, status, used = os.wait4(done.pid, 0)
    return time.monotonic() - begun, used.ru_maxrss, os.waitstatus_to_exitcode(status), said


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        lab = Lab("fabrikam", os.path.join(folder, "fabrikam"))
        lab.up()
        try:
            fill(lab)
            content = lab.configuration()
            only = {key: content[key] for key in ("organization", "tenant", "cloud", "directory")}
            configuration = lab.path("directory.yaml")
            certificates.write_private(configuration, yaml.safe_dump(only))
            raw = ["ldapsearch", "-x", "-ZZ", "-LLL", "-o", "ldif-wrap=no", "-H", only["directory"]["url"], "-D", only["directory"]["user"],
                   "-y", lab.path("ad-audit.raw"), "-b", "DC=fabrikam,DC=com", "-E", "pr=1000/noprompt", recipient_filter(), *attributes()]
            with open(lab.path("ad-audit.pass"), encoding="utf-8") as secret:
                certificates.write_private(lab.path("ad-audit.raw"), secret.read().strip())
            case, ours, raws, diffs, memory = os.path.join(folder, "x.case"), [], [], [], 0
            for _ in range(RUNS):
                seconds, _, code, said = timed(raw, env={**os.environ, "LDAPTLS_CACERT": lab.path("ca.pem")})
                assert code == 0, said
                raws.append(seconds)
                seconds, kib, code, said = timed([PROGRAM, "-q", "-c", configuration, "-C", case, "audit", "--snapshot", "--only", "sanity.organization"])
                assert code in (0, 1, 2), said
                ours.append(seconds)
                memory = max(memory, kib)
            facts = sorted(glob.glob(os.path.join(case, "facts-*.db")))
            seconds, kib, code, said = timed([PROGRAM, "-q", "-C", case, "diff", facts[0], facts[1]])
            assert code == 0, said
            memory = max(memory, kib)
            raw_median, snapshot = statistics.median(raws), statistics.median(ours)
            ratio = (2 * snapshot + seconds) / (2 * raw_median)
            print(json.dumps({"bench": "snapshot", "recipients": RECIPIENTS, "raw_seconds": round(raw_median, 2), "snapshot_seconds": round(snapshot, 2),
                              "difference_seconds": round(seconds, 2), "ratio": round(ratio, 2), "limit": RATIO, "kib": memory, "limit_kib": MEMORY_KIB}))
            return 1 if ratio > RATIO or memory > MEMORY_KIB else 0
        finally:
            lab.down()


if __name__ == "__main__":
    sys.exit(main())
