#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DNS in bulk: accepted domains in NSD, asked by the resolver and by the whole source (rows written to a facts file),
against dnsperf with the same questions to the same NSD, in turns in one run. Prints one JSON line for each figure.

    bench_dns.py BUILD_DIR [DOMAINS]          default 10000
limit: for rates the least ratio to dnsperf's; for memory the most, against what a whole audit may take.
"""
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from fixtures.lab import nsd  # noqa: E402

RUNS = 3
MEMORY_KIB = 64 * 1024       # what a whole audit may take
DRIVERS = os.path.join(sys.argv[1], "tests", "integration", "drivers")
DOMAINS = int(sys.argv[2]) if len(sys.argv) > 2 else 10000


def zones():
    all_zones, hosts = {}, ["autodiscover A 192.0.2.9", 'spf.protection TXT "v=spf1 ip4:192.0.2.0/24 -all"']
    keys = []
    for i in range(DOMAINS):
        key = f"d{i}-example"
        all_zones[f"d{i}.example"] = [
            f"@ MX 10 {key}.mail.protection.outlook.com.", "@ A 192.0.2.80",
            "autodiscover CNAME autodiscover.outlook.com.",
            '@ TXT "v=spf1 include:spf.protection.outlook.com -all"', '@ TXT "MS=ms12345678"',
            f"selector1._domainkey CNAME selector1-{key}._domainkey.keys.onmicrosoft.com.",
            f"selector2._domainkey CNAME selector2-{key}._domainkey.keys.onmicrosoft.com.",
            '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example"']
        hosts.append(f"{key}.mail.protection A 192.0.2.77")
        keys += [f'selector{n}-{key}._domainkey TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNAD"' for n in (1, 2)]
    all_zones |= {"outlook.com": hosts, "keys.onmicrosoft.com": keys, ".": []}
    return all_zones


def source(address, run_dir, count):
    """Runs the source. Returns what it printed last and the facts file."""
    facts = os.path.join(run_dir, "facts.db")
    if os.path.exists(facts):
        os.unlink(facts)
    done = subprocess.run([os.path.join(DRIVERS, "dns_source"), facts, address, "-"], text=True, capture_output=True,
                          input="".join(f"d{i}.example\n" for i in range(count)), check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    states = {x["state"] for x in lines if x.get("set") == "dns:public"}
    if states != {"complete"}:
        raise SystemExit(f"the source did not complete: {lines}")
    return lines[-1], facts


def resolver(address, questions):
    with open(questions, "rb") as lines:
        done = subprocess.run([os.path.join(DRIVERS, "dns_ask"), "-q", address], stdin=lines, capture_output=True,
                              check=True)
    return json.loads(done.stdout.splitlines()[-1])["stats"]


def dnsperf(address, questions):
    host, port = address.split(":")
    done = subprocess.run(["dnsperf", "-s", host, "-p", port, "-d", questions, "-n", "1", "-e"], text=True,
                          capture_output=True, check=True)
    lost = int(re.search(r"Queries lost:\s+(\d+)", done.stdout).group(1))
    return float(re.search(r"Queries per second:\s+([0-9.]+)", done.stdout).group(1)), lost


def tell(metric, value, unit, yardstick, limit, **more):
    ratio = round(value / yardstick, 3) if yardstick else None
    print(json.dumps({"bench": "dns", "n": DOMAINS, "metric": metric, "value": round(value, 3), "unit": unit,
                      "yardstick": round(yardstick, 3), "ratio": ratio, "limit": limit, **more}), flush=True)


def main():
    run_dir = tempfile.mkdtemp(prefix="bench-dns-")
    try:
        address = nsd.start_zones({"public": zones()}, run_dir)["public"]
        small, _ = source(address, run_dir, DOMAINS // 2)
        _, facts = source(address, run_dir, DOMAINS)
        db = sqlite3.connect(facts)
        asked = db.execute("SELECT DISTINCT name, type FROM t_dns").fetchall()
        outcomes = dict(db.execute("SELECT outcome, count(*) FROM t_dns GROUP BY 1"))
        db.close()
        questions = os.path.join(run_dir, "questions")
        with open(questions, "w", encoding="utf-8") as out:
            out.writelines(f"{name} {kind}\n" for name, kind in asked)
        perf, ask, observe, peak, lost = [], [], [], [], []
        for _ in range(RUNS):
            rate, gone = dnsperf(address, questions)
            perf.append(rate)
            lost.append(gone)
            stats = resolver(address, questions)
            ask.append(stats["asked"] / stats["seconds"])
            last, _ = source(address, run_dir, DOMAINS)
            observe.append(last["requests"] / last["seconds"])
            peak.append(last["peak_kib"])
        yardstick = statistics.median(perf)
        tell("resolver_rate", statistics.median(ask), "questions/s", yardstick, 0.5,
             questions=len(asked), lost=sum(lost))
        tell("source_rate", statistics.median(observe), "questions/s", yardstick, 0.5, outcomes=outcomes)
        tell("source_peak_memory", max(peak), "KiB", MEMORY_KIB, 1.0,
             half_the_domains=small["peak_kib"])
    finally:
        nsd.stop(run_dir)
        shutil.rmtree(run_dir, ignore_errors=True)


if __name__ == "__main__":
    main()
