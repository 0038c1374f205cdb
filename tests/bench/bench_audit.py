#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole audit of large organisations: AD in slapd, Exchange Online's pages served from memory, DNS in NSD.

    bench_audit.py BUILD [RECIPIENTS ...]        default 10000 200000 1000000

In the same run, for each size: the audit (seconds, peak memory, CPU by stage, requests); `ldapsearch -E pr=1000/noprompt`
for the same entries and attributes (read off slapd's log) to /dev/null; curl draining the same pages (read off the
simulator's log) as often at once as the audit did; and `audit --offline`. One JSON line for each figure; ratio is value
by yardstick. The table stands on stderr.
"""
import json
import math
import os
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from fixtures.lab import certificates, nsd, process  # noqa: E402
from fixtures.lab.slapd import Slapd, program  # noqa: E402
from fixtures.orgs.generate import Organization  # noqa: E402
import yaml  # noqa: E402

SIZES = (10000, 200000, 1000000)
OBSERVE_RATIO, AUDIT_RATIO = 1.75, 2.5
MEMORY_MIB, MEMORY_SPREAD = 64, 1.10
JUDGE_SECONDS, JUDGE_SIZE = 2.0, 200000
EXTRA_REQUESTS = 100
READY_SECONDS = 300
SAMPLE_SECONDS = 0.005
ENTRY_BYTES = 6000            # what one recipient may take in slapd's database


def tell(n, metric, value, unit, yardstick=None, limit=None, ratio=None):
    ratio = round(value / yardstick, 3) if yardstick else ratio
    row = {"bench": "audit", "n": n, "metric": metric, "value": round(value, 3), "unit": unit,
           "yardstick": round(yardstick, 3) if yardstick else None, "ratio": ratio, "limit": limit}
    print(json.dumps(row), flush=True)
    print(f"  {n:>8} {metric:28} {value:12.3f} {unit:9} {'' if ratio is None else ratio:>8} {'' if limit is None else limit:>8}", file=sys.stderr)


class Scene:
    """One organisation of a size, running."""

    def __init__(self, size, directory):
        self.size, self.directory, self.processes = size, directory, []
        self.organization = Organization(size)
        root = self.organization.contexts[0]
        self.user = f"CN=svc-unhybrid,CN=Users,{root}"
        authority = certificates.Authority(directory)
        certificate, key = authority.issue("dc", "dc01", ["127.0.0.1", "localhost"])
        self.slapd = Slapd(self.path("slapd"), self.organization.contexts, {"audit": (self.user, "bench")}, "dc01.contoso.com",
                           (authority.path, certificate, key), max_size=(1 << 30) + size * ENTRY_BYTES)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def start(self):
        began = time.monotonic()
        self.slapd.configure()
        for context in self.organization.contexts:
            self.slapd.load(context, self.organization.ldif(context))
        self.slapd.start()
        loaded = time.monotonic() - began
        servers = nsd.start_zones({view: self.organization.zones() for view in ("public", "internal")}, self.directory)
        os.makedirs(self.path("org"))
        with open(self.path("org", "cloud.yaml"), "w", encoding="utf-8") as out:
            yaml.safe_dump(self.organization.cloud(), out, sort_keys=False)
        command = ["/usr/bin/python3", os.path.join(TOP, "fixtures", "lab", "cloud.py"), "--org", self.path("org"), "--run-dir", self.path("cloud")]
        self.processes.append(process.spawn(command + self.organization.cloud_arguments(), self.path("cloud.log")))
        ready = self.path("cloud", "cloud.json")
        process.wait_for(lambda: os.path.exists(ready), READY_SECONDS, "the cloud simulator starts")
        with open(ready, encoding="utf-8") as text:
            self.cloud = json.load(text)
        self.configure(servers)
        return loaded

    def configure(self, servers):
        certificates.write_private(self.path("ad.pass"), "bench\n")
        secret = "certificate" if self.cloud.get("certificate") else "secret_file"
        certificates.write_private(self.path("bench.yaml"), yaml.safe_dump({
            "organization": "contoso", "tenant": self.cloud["tenant"],
            "directory": {"url": f"ldaps://127.0.0.1:{self.slapd.tls_port}", "bind": "simple", "user": self.user, "password_file": "ad.pass", "ca_file": "ca.pem"},
            "dns": {view: [server] for view, server in servers.items()},
            "credentials": {"client_id": self.cloud["client_id"], secret: self.cloud[secret]},
            "endpoints": {**{name: self.cloud["url"] for name in ("login", "graph", "exchange_online")}, "ca_file": self.cloud["ca_file"]}}))

    def control(self, what, method="GET", body=None):
        context = ssl.create_default_context(cafile=self.cloud["ca_file"])
        request = urllib.request.Request(self.cloud["url"] + "/_control/" + what, method=method, data=body)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.load(answer)

    def stop(self):
        self.slapd.stop()
        nsd.stop(self.directory)
        for running in self.processes:
            process.stop(running)


def high_water(pid):
    """Peak resident KiB of a process so far. Not getrusage's: that one starts at what the parent held when it forked."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


def measured(command):
    """Runs to the end. -> (seconds, peak KiB, CPU seconds, exit status, stderr)."""
    began, peak, ended = time.monotonic(), 0, 0
    with tempfile.TemporaryFile() as said, open(os.devnull, "wb") as nothing:
        child = subprocess.Popen(command, stdout=nothing, stderr=said, stdin=subprocess.DEVNULL)
        while not ended:
            peak = max(peak, high_water(child.pid))
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            if not ended:
                time.sleep(SAMPLE_SECONDS)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    return time.monotonic() - began, peak, usage.ru_utime + usage.ru_stime, child.returncode, text


def searches(operations):
    """The large searches of slapd's log: (base, filter, attributes). A paged search repeats itself for each page."""
    found, asked = {}, None
    for line in operations:
        srch = re.search(r'(conn=\d+ op=\d+) SRCH base="([^"]*)" scope=2 deref=\d filter="(.*)"$', line)
        attributes = re.search(r"(conn=\d+ op=\d+) SRCH attr=(.*)$", line)
        if srch:
            asked = srch.groups()
            found.setdefault(asked[1:], [])
        elif attributes and asked and attributes.group(1) == asked[0]:
            found[asked[1:]] = attributes.group(2).split()
    return [(base, text, attributes) for (base, text), attributes in found.items() if base.lower().startswith(("dc=", "dc ="))]


def ldapsearch(scene):
    total = 0.0
    os.environ["LDAPTLS_CACERT"] = scene.path("ca.pem")
    for base, text, attributes in searches(scene.slapd.operations()):
        seconds, _, _, status, said = measured(["ldapsearch", "-LLL", "-x", "-H", f"ldaps://127.0.0.1:{scene.slapd.tls_port}", "-D", scene.user, "-w", "bench",
                                                "-E", "pr=1000/noprompt", "-b", base, text] + attributes)
        if status:
            raise SystemExit(f"ldapsearch ended with {status}: {said[-500:]}")
        total += seconds
    return total


def curl_drain(scene, log, parallel):
    """The audit's own cloud requests again, by one curl. The token is got first and not counted."""
    with open(scene.cloud["secret_file"], encoding="utf-8") as text:
        secret = text.read().strip()
    got = subprocess.run(["curl", "-sS", "--cacert", scene.cloud["ca_file"], f"{scene.cloud['url']}/{scene.cloud['tenant']}/oauth2/v2.0/token",
                          "-d", f"client_id={scene.cloud['client_id']}&grant_type=client_credentials&scope=https://outlook.office365.com/.default",
                          "--data-urlencode", f"client_secret={secret}"], check=True, stdout=subprocess.PIPE)
    token = json.loads(got.stdout)["access_token"]
    parts = []
    for row in log:
        body = json.dumps({"CmdletInput": {"CmdletName": row["cmdlet"], "Parameters": row["parameters"] or {}}})
        parts.append("\n".join([f'url = "{scene.cloud["url"]}{row["path"]}{"?" + row["query"] if row["query"] else ""}"', f'cacert = "{scene.cloud["ca_file"]}"', "output = /dev/null",
                                f'header = "Authorization: Bearer {token}"', 'header = "Content-Type: application/json"', 'header = "Accept-Encoding: gzip"',
                                'header = "Prefer: odata.maxpagesize=1000"', "data-binary = " + json.dumps(body)]))
    path = certificates.write_private(scene.path("curl.conf"), "\nnext\n".join(parts) + "\n")
    options = ["-Z", "--parallel-max", str(parallel)] if parallel > 1 else []
    seconds, _, _, status, said = measured(["curl", "-sS", "--fail", *options, "-K", path])
    if status:
        raise SystemExit(f"curl ended with {status}: {said[-500:]}")
    return seconds


def rows(case, query):
    facts = sorted(name for name in os.listdir(case) if name.startswith("facts-"))[-1]
    with sqlite3.connect(f"file:{os.path.join(case, facts)}?mode=ro", uri=True) as db:
        return db.execute(query).fetchall()


def one(binary, size, memory):
    directory = tempfile.mkdtemp(prefix="unhybrid-bench-")
    scene = Scene(size, directory)
    try:
        tell(size, "load", scene.start(), "s")
        case = scene.path("bench.case")
        base = [binary, "-c", scene.path("bench.yaml"), "-C", case, "--no-progress", "audit", "--format", "json"]
        seconds, peak, cpu, status, said = measured(base)
        sources = rows(case, "SELECT id, state, objects, requests, milliseconds, cpu_milliseconds, detail FROM t_source")
        bad = [(s[0], s[1], s[6]) for s in sources if s[1] not in ("complete", "not-configured")]
        if bad or status not in (1, 2):
            raise SystemExit(f"the audit ended with {status}: {bad} {said[-2000:]}")
        recipients = rows(case, "SELECT (SELECT count(*) FROM t_directory_recipient), (SELECT count(*) FROM t_exchange_recipient)")[0]
        counters, log = scene.control("counters"), scene.control("log?service=exchange")
        log = [row for row in log if row["cmdlet"]]
        curl = curl_drain(scene, log, max(1, min(8, int(counters.get("peak:exchange", 1)))))
        ldap = ldapsearch(scene)
        report(size, seconds, peak, cpu, sources, recipients, max(ldap, curl), ldap, curl, memory)
        judged = measured(base + ["--offline"])
        tell(size, "judge", judged[0], "s", limit=JUDGE_SECONDS if size == JUDGE_SIZE else None)
        tell(size, "judge_peak_memory", judged[1] / 1024, "MiB", limit=MEMORY_MIB)
    finally:
        scene.stop()
        shutil.rmtree(directory, ignore_errors=True)


def report(size, seconds, peak, cpu, sources, recipients, slower, ldap, curl, memory):
    observing = max(row[4] for row in sources) / 1000
    memory[size] = peak / 1024
    tell(size, "recipients_directory", recipients[0], "rows")
    tell(size, "recipients_cloud", recipients[1], "rows")
    tell(size, "ldapsearch", ldap, "s")
    tell(size, "curl", curl, "s")
    tell(size, "observe", observing, "s", slower, OBSERVE_RATIO)
    tell(size, "audit", seconds, "s", slower, AUDIT_RATIO)
    tell(size, "peak_memory", memory[size], "MiB", limit=MEMORY_MIB)
    tell(size, "cpu", cpu, "s")
    for row in sources:
        tell(size, f"cpu_{row[0]}", row[5] / 1000, "s")
        tell(size, f"seconds_{row[0]}", row[4] / 1000, "s")
    cloud = sum(row[3] for row in sources if row[0] in ("exchange-online", "graph"))
    tell(size, "cloud_requests", cloud, "requests", limit=math.ceil(size / 1000) + EXTRA_REQUESTS)


def main():
    binary = os.path.join(os.path.abspath(sys.argv[1]), "engine", "cli", "unhybrid")
    for tool in ("curl", "ldapsearch", "slapd", "nsd"):
        program(tool)
    memory = {}
    for size in [int(text) for text in sys.argv[2:]] or SIZES:
        one(binary, size, memory)
    if len(memory) > 1:
        tell(0, "memory_spread", max(memory.values()) / min(memory.values()), "ratio", limit=MEMORY_SPREAD)


if __name__ == "__main__":
    main()
