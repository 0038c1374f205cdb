# SPDX-License-Identifier: Apache-2.0
"""Checks of others: a rule pack and a plugin, named in the configuration, are listed, explained and judged like the
built-in ones; what is wrong with one is said before anything is observed."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PACK = """checks:
  - id: contoso.archive
    title: Every mailbox in the cloud has an archive
    severity: warning
    side: cloud
    needs: cloud:Mailbox
    sql: |
      SELECT (archive_status <> 'Active') AS violated, guid_text(guid) AS key, 'mailbox' AS kind,
             primary_address AS object, 'The archive is ' || archive_status || '.' AS message,
             json_object('ArchiveStatus', archive_status) AS evidence
        FROM exchange_recipient
       WHERE side = 'cloud' AND kind = 'Mailbox' AND listing = '' AND (archive_status <> 'Active') IS NOT FALSE
    remedy: Enable the archive.
"""

PLUGIN = """
#include <unhybrid/check.h>
static int run(struct uh_check_run *run, struct uh_err *err) {
  const struct uh_object object = {.side = "cloud", .key = "k", .kind = "thing", .object = "the thing"};
  return uh_violated(run, &object, "{}", NULL, err, "seen by the plugin");
}
static const struct uh_check checks[] = {{.id = "plugin.thing", .title = "There is no thing", .severity = UH_INFO,
  .purposes = UH_BEFORE, .requirements = "", .run = run, .remedy = "None.", .reference = "", .explain = "A test."}, {0}};
UH_CHECK_MODULE(thing, checks);
"""


@pytest.fixture
def configured(labs):
    """Fabrikam's configuration with rules of its own beside it."""
    lab = labs("fabrikam")
    rules = pathlib.Path(lab.directory, "rules.d")
    rules.mkdir()
    path = pathlib.Path(lab.directory, "with-rules.yaml")
    path.write_text(yaml.safe_dump({**lab.configuration(), "rules": ["rules.d"]}))
    yield path, rules
    shutil.rmtree(rules)
    path.unlink()


def test_a_pack_and_a_plugin_judge_beside_the_built_in_checks(unhybrid, configured, tmp_path):
    path, rules = configured
    (rules / "contoso.yaml").write_text(PACK)
    source = tmp_path / "thing.c"
    source.write_text(PLUGIN)
    subprocess.run(["cc", "-shared", "-fPIC", "-DUNHYBRID_PLUGIN", "-I", os.path.join(TOP, "engine", "include"), "-o", str(rules / "thing.so"), str(source)], check=True)
    listed = unhybrid.run("-c", path, "checks", "list", "--format", "json")
    assert listed.returncode == 0 and "contoso.archive" in listed.stdout and "plugin.thing" in listed.stdout
    status, report, _ = unhybrid.audit(path)
    checks = {check["id"]: check for check in report["checks"]}
    assert status == 2
    assert checks["contoso.archive"]["status"] == "fail" and checks["contoso.archive"]["findings"]
    assert checks["plugin.thing"]["findings"][0]["message"] == "seen by the plugin"


@pytest.mark.parametrize("text, said", [
    ("checks:\n  - id: contoso.x\n    titel: y\n", 'rules.d/contoso.yaml:3: unknown key "titel"'),
    ("checks: [\n", "no YAML"),
    (PACK.replace("contoso.archive", "soa.mailbox"), 'there is a check "soa.mailbox" already'),
], ids=["unknown key", "no YAML", "taken id"])
def test_a_wrong_pack_is_refused_before_anything_is_observed(unhybrid, configured, text, said):
    path, rules = configured
    (rules / "contoso.yaml").write_text(text)
    done = unhybrid.run("-c", path, "-C", path.parent / "rules.case", "audit")
    assert done.returncode == 78
    assert said in done.stderr
    assert not list(path.parent.glob("rules.case/facts-*"))


def test_a_statement_that_breaks_is_unknown_and_takes_nothing_with_it(unhybrid, configured):
    path, rules = configured
    (rules / "contoso.yaml").write_text(PACK.replace("archive_status <> 'Active'", "no_such_column"))
    status, report, _ = unhybrid.audit(path)
    check = next(check for check in report["checks"] if check["id"] == "contoso.archive")
    assert check["status"] == "unknown" and "no_such_column" in json.dumps(check["unknown"])
    assert status == 2 and next(check for check in report["checks"] if check["id"] == "soa.mailbox")["status"] == "pass"
