# SPDX-License-Identifier: Apache-2.0
"""Values that hold secrets are planted wherever a service could tell one, and searched for in all that is written: facts,
step 0's export, reports, plans, journal, logs. The services tell them; the simulators' own answers prove that."""
import glob
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import urllib.request

import pytest
import yaml

from conftest import TOP
from fixtures.lab.change import control, patch
from fixtures.lab.lab import Lab

DRIVERS = pathlib.Path(os.environ.get("BUILD_DIR") or os.path.join(TOP, "build")) / "tests" / "integration" / "drivers"
PLANTED = "planted-7f3e-nobody-may-see-this"
IN_DIRECTORY = "lab-secret-never-asked-for"  # where every organisation of the lab has one
CONNECTOR = "To our cloud and Tailspin"
NOUNS = {"MigrationEndpoint": "Old provider", "InboundConnector": "From the payroll service", "OutboundConnector": "To the payroll service"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Fabrikam with secrets in the directory, in what cmdlets of both sides tell, and in Graph."""
    folder = tmp_path_factory.mktemp("orgs") / "fabrikam"
    shutil.copytree(os.path.join(TOP, "fixtures", "orgs", "fabrikam"), folder)
    with open(folder / "directory.yaml", encoding="utf-8") as text:
        directory = yaml.safe_load(text)
    connector = next(c for c in directory["send_connectors"] if c["name"] == CONNECTOR)
    directory = patch(directory, {f"send_connectors/{CONNECTOR}": dict(connector, secret=PLANTED)})
    with open(folder / "cloud.yaml", encoding="utf-8") as text:
        cloud = yaml.safe_load(text)
    for noun, name in NOUNS.items():
        row = next(r for r in cloud["exchange_online"][noun] if r["Name"] == name)
        row.update(Credentials={"UserName": "u", "Password": PLANTED}, SharedSecret=PLANTED, AuthPassword=PLANTED)
    for kind in ("applications", "servicePrincipals"):
        for row in cloud["graph"].get(kind, []):
            row["passwordCredentials"] = [{"keyId": "7e000000-1b2c-4d3e-8f40-0f0000000001", "displayName": "p", "hint": PLANTED[:3],
                                           "startDateTime": "2025-01-01T00:00:00Z", "endDateTime": "2099-01-01T00:00:00Z", "secretText": PLANTED}]
    for name, value in (("directory", directory), ("cloud", cloud)):
        with open(folder / f"{name}.yaml", "w", encoding="utf-8") as text:
            yaml.safe_dump(value, text, allow_unicode=True)
    made = Lab(str(folder), str(tmp_path_factory.mktemp("lab") / "fabrikam"))
    made.up(exchange="basic")
    control(made, "state", {"knobs": {"graph_secret_text": True, "graph_list_key": True}})
    yield made
    made.down()


def holds(path, needle):
    """Whether a file, or any below a folder, has the text in it, as it is or as UTF-16."""
    places = [path] if os.path.isfile(path) else [p for p in glob.glob(os.path.join(path, "**", "*"), recursive=True) if os.path.isfile(p)]
    forms = [needle.encode(), needle.encode("utf-16-le")]
    return [p for p in places if any(form in pathlib.Path(p).read_bytes() for form in forms)]


def clean(*places):
    for place in places:
        for needle in (PLANTED, IN_DIRECTORY):
            found = holds(place, needle) if isinstance(place, (str, os.PathLike)) else ["output"] if needle in place["text"] else []
            assert not found, (needle, found)


def output(done):
    return {"text": done.stdout + done.stderr}


def test_they_are_told(lab):
    """What a test does not plant it does not find: the services do tell these values to who asks for them."""
    info = lab.state["cloud"]["info"]
    request = urllib.request.Request(f"{info['url']}/_control/state")
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=info["ca_file"]), timeout=30) as answer:
        state = json.load(answer)
    assert json.dumps(state["exchange_online"]).count(PLANTED) >= 3 * len(NOUNS) and state["knobs"]["graph_secret_text"]
    port, who = lab.state["directory"]["port"], lab.state["directory"]["users"]["admin"]
    done = subprocess.run(["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", f"ldap://127.0.0.1:{port}", "-D", who, "-w", lab.state["passwords"]["admin"],
                           "-b", "CN=Configuration,DC=fabrikam,DC=com", "(msExchSmtpOutboundSecurityPassword=*)", "msExchSmtpOutboundSecurityPassword"],
                          capture_output=True, text=True, check=True, timeout=60)
    assert f"msExchSmtpOutboundSecurityPassword: {PLANTED}" in done.stdout


def test_audit_and_step0(lab, unhybrid, tmp_path):
    case = tmp_path / "fabrikam.case"
    base = ["-v", "-c", lab.path("fabrikam.yaml"), "-C", case, "--no-progress"]
    done = unhybrid.run(*base, "--log-format", "json", "audit", "--format", "json")
    assert done.returncode in (0, 2), done.stderr
    facts = sorted(case.glob("facts-*.db"))[-1]
    # The objects are there, without what is secret of them.
    assert holds(facts, CONNECTOR) and all(holds(facts, name) for name in NOUNS.values())
    exported = subprocess.run([DRIVERS / "step0_export", facts, case], capture_output=True, text=True, timeout=60, check=False)
    assert exported.returncode == 0, exported.stderr
    assert holds(case / "exports" / "step-0", CONNECTOR)
    clean(case, output(done), output(exported), output(unhybrid.run(*base, "report")), output(unhybrid.run(*base, "status", "--format", "json")))


def test_cleanup(lab, unhybrid, tmp_path):
    """A whole run, dry and real, with everything that it writes."""
    case, path = tmp_path / "fabrikam.case", lab.path("fabrikam.yaml")
    base = ["-v", "-c", path, "-C", case, "--no-progress", "--log-format", "json"]
    outputs = [unhybrid.run(*base, "audit")]
    unhybrid.attest(path, str(case), lab.attestations())
    for form in ("json", "table", "html"):
        outputs.append(unhybrid.run(*base, "cleanup", "--dry-run", "--format", form))
        assert outputs[-1].returncode == 0, outputs[-1].stderr[-2000:]
    assert CONNECTOR in outputs[1].stdout
    outputs.append(unhybrid.run(*base, "cleanup", "--yes=irreversible"))
    assert (case / "journal.db").exists() and (case / "exports" / "step-0" / "MANIFEST.json").exists(), outputs[-1].stderr[-3000:]
    outputs += [unhybrid.run(*base, "journal", "show"), unhybrid.run(*base, "journal", "export"), unhybrid.run(*base, "status")]
    assert holds(case / "journal.db", CONNECTOR)  # its before-image is there
    clean(case, *map(output, outputs))
