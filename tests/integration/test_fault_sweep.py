# SPDX-License-Identifier: Apache-2.0
"""Whatever the cloud does wrong, through the program itself: nothing is ever ready, nothing that was seen is lost, nothing
is made up, and it ends.

Each fault that the simulator knows is tried by itself, on every request and on one in three; then plans by seed, that draw
from all of them. UNHYBRID_FAULT_SEEDS says how many seeds (for each organisation), UNHYBRID_FAULT_FIRST from which on.
"""
import json
import os
import ssl
import subprocess
import time
import urllib.request

import pytest

from test_org_truth import ORGANISATIONS, decoys_hit, expected_in, found_in, missing, surplus, truth_of, unknown_in

SEEDS = int(os.environ.get("UNHYBRID_FAULT_SEEDS") or 6)
FIRST = int(os.environ.get("UNHYBRID_FAULT_FIRST") or 1)
PAUSE = "1"             # percent of the program's own pauses and patience
LIMIT = 120             # seconds; on a machine that does nothing else the slowest takes a tenth
ARGUMENTS = {           # what a service asks to wait is waited in full, so it asks for little
    "throttle": {"seconds": 0.1, "form": "fraction"}, "unavailable": {"seconds": 0.1, "form": "fraction"},
    "batch_throttle": {"seconds": 0.2}, "slow": {"seconds": 0.3}, "delay": {"seconds": 0.2}, "stall": {"seconds": 1},
    "huge": {"bytes": 4 * 1024 * 1024}}
KINDS = [
    "throttle", "unavailable", "transient_400", "concurrency", "reset", "cut", "gzip_mismatch", "slow", "delay", "unauthorized",
    "empty_page", "truncate", "duplicate", "aadsts", "batch_throttle", "warning", "status", "exception", "forbidden",
    "cursor_refused", "confirmation", "adminapi_errors", "not_found", "dehydrated", "content_type", "invalid_json", "huge",
    "redirect", "batch_missing", "missing_property", "null_property", "no_rows", "foreign_link", "loop_link", "stall", "wrong_type"]

# Checks that conclude from what a list of Exchange Online does not show, where the list may well be empty (their absence_needs).
LOOKED_FOR_IN_THE_CLOUD = ("forest.organization", "forest.object", "forest.other", "parity.rule", "routing.recipient-domain",
                           "routing.relay-recipients", "sharing.known")


class Cloud:
    def __init__(self, lab):
        self.info = lab.state["cloud"]["info"]
        self.context = ssl.create_default_context(cafile=self.info["ca_file"])

    def control(self, method, path, body=None):
        request = urllib.request.Request(self.info["url"] + "/_control/" + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@pytest.fixture
def disturbed(labs):
    """disturbed(name, faults): the organisation whose cloud does these."""
    touched = []

    def get(name, faults):
        lab = labs(name)
        cloud = Cloud(lab)
        touched.append(cloud)
        cloud.control("POST", "reset", {"keep": ["state"]})
        cloud.control("POST", "faults", faults)
        return lab, cloud
    yield get
    for cloud in touched:
        cloud.control("POST", "reset", {"keep": ["state"]})


def audit(lab, unhybrid):
    unhybrid.runs += 1
    case = os.path.join(unhybrid.scratch, f"sweep-{unhybrid.runs}.case")
    began = time.monotonic()
    done = subprocess.run([unhybrid.path, "-c", lab.write_configuration(), "-C", case, "--no-progress", "audit", "--format", "json"],
                          timeout=LIMIT, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", env=dict(os.environ, UNHYBRID_PAUSE_PERCENT=PAUSE))
    try:
        return done.returncode, json.loads(done.stdout), done.stderr, time.monotonic() - began
    except ValueError:
        pytest.fail(f"exit {done.returncode} and no report: {done.stdout[:500]} {done.stderr[:3000]}")


def unjudged(report):
    """Checks that say of some object, or of all, that it could not be judged."""
    return {check["id"] for check in report["checks"] if check["unknown"]}


def judge(name, truth, status, report, said, kinds):
    """What holds whatever the cloud does."""
    assert report["verdict"] != "ready" and status in (1, 2), (report["verdict"], status, said)
    assert list(missing(expected_in(truth, ["cloud"]), report)) == [], "a finding of another side is lost"
    new, decoys, told = surplus(truth, report), decoys_hit(truth, report), ()
    if "no_rows" in kinds:  # of such a list nobody can tell: what is looked for there is missing
        told = LOOKED_FOR_IN_THE_CLOUD
        decoys = [text for text in decoys if text.split(" ")[0] not in told]
    if "null_property" in kinds:  # the service does say that an object is not managed in the cloud, or has no name but its id
        told += tuple({finding[0] for finding in new if finding[0].startswith(("soa.", "sync."))})
    else:
        assert decoys == []
    told_findings = [finding for finding in new if finding[0] in told]
    new = [finding for finding in new if finding[0] not in told]
    assert new == [], "made up"
    cloud = {source["id"]: source["state"] for source in report["sources"] if source["id"] in ("exchange-online", "graph")}
    before = {entry["check"] for entry in truth["unknown"]}
    assert unknown_in(report) >= before - {check["id"] for check in report["checks"] if check["status"] == "failed"}
    # Nothing was lost on the way, or it is not known that something was. That a list which may be empty was answered with
    # no row is known to nobody: test_silent_sources.py tries what can be known.
    if set(cloud.values()) == {"complete"} and "no_rows" not in kinds:
        renamed = "sync." if "null_property" in kinds else "?"
        lost = [f for f in truth["findings"] if f["check"] not in unjudged(report) and not f["check"].startswith(renamed)]
        assert list(missing(lost, report)) == [], "complete, they say"
    blockers = {check["id"] for check in report["checks"] if check["severity"] == "blocker"}
    if name == "contoso" or any(finding[0] in blockers for finding in told_findings):
        assert (report["verdict"], status) == ("blocked", 1)
    else:
        assert (report["verdict"], status) == ("undetermined", 2), found_in(report)


def test_every_kind_is_known(disturbed):
    _, cloud = disturbed("fabrikam", [])
    kinds = cloud.control("GET", "kinds")
    assert sorted(kinds["kinds"] if "kinds" in kinds else kinds) == sorted(KINDS)


@pytest.mark.parametrize("name", ORGANISATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_of_fault(name, kind, disturbed, unhybrid):
    """Contoso meets it on every request, fabrikam on one in three."""
    fault = {"match": {"service": "*"} if name == "contoso" else {"service": "*", "every": 3}, "fault": kind, "args": ARGUMENTS.get(kind, {})}
    lab, _ = disturbed(name, [fault])
    status, report, said, _ = audit(lab, unhybrid)
    judge(name, truth_of(name), status, report, said, {kind})


@pytest.mark.parametrize("name", ORGANISATIONS)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_seeded_faults(name, seed, disturbed, unhybrid):
    plan = {"seed": seed, "rate": (0.05, 0.15, 0.4)[seed % 3], "requests": 2000, "recoverable": False, "args": ARGUMENTS,
            "patience": (1, 3, 9)[seed // 3 % 3]}
    lab, cloud = disturbed(name, plan)
    status, report, said, _ = audit(lab, unhybrid)
    drawn = {one["kind"] for one in cloud.control("GET", "faults")["seeded"]["drawn"]}
    judge(name, truth_of(name), status, report, said, drawn)
