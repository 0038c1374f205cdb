# SPDX-License-Identifier: Apache-2.0
"""A case on a file system that is full, at every size from "nothing fits" to "all but the report fits": exit 73, and
nothing that was cut off is left to be taken for whole."""
import contextlib
import json
import os
import sqlite3
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@contextlib.contextmanager
def small_disk(path, kib):
    os.makedirs(path, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", path], check=False, stderr=subprocess.PIPE, text=True)
    if mounted.returncode:
        pytest.skip("no small file system can be mounted here: " + mounted.stderr.strip())
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def used_kib(path):
    return sum(os.stat(os.path.join(folder, name)).st_blocks for folder, _, names in os.walk(path) for name in names) // 2 + 1


def assert_nothing_torn(case):
    """Facts are readable or absent, and no reader takes them for an observation that came to its end; a report is whole."""
    for folder, _, names in os.walk(case):
        for name in names:
            path = os.path.join(folder, name)
            assert not name.endswith((".tmp", "-journal", "-wal", "-shm")), path
            if name.startswith("facts-"):
                with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                    assert db.execute("SELECT ended_at FROM t_observation").fetchone(), path
            if name.endswith(".json"):
                with open(path, encoding="utf-8") as text:
                    assert json.load(text)["schema"].startswith("unhybrid/report/")
            if name.endswith(".txt"):
                with open(path, encoding="utf-8") as text:
                    assert text.read().endswith("\n"), path


@pytest.fixture(name="enough", scope="module")
def room_of_an_audit(labs, unhybrid, tmp_path_factory):
    """KiB that a whole audit takes."""
    case = tmp_path_factory.mktemp("room") / "case"
    done = unhybrid.run("-c", labs("contoso").write_configuration(), "-C", case, "--no-progress", "audit")
    assert done.returncode == 1, done.stderr
    return used_kib(case)


@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95])
def test_full_disk(share, enough, labs, unhybrid, tmp_path):
    """Facts that cannot be written end the audit with 73; a report on standard output is not one that looks whole."""
    with small_disk(str(tmp_path / "disk"), max(4, int(enough * share))) as disk:
        case = os.path.join(disk, "contoso.case")
        done = unhybrid.run("-c", labs("contoso").write_configuration(), "-C", case, "--no-progress", "audit", "--format", "json")
        assert done.returncode == 73, (done.returncode, done.stderr)
        assert "ready" not in done.stderr and done.stderr.strip()
        if done.stdout.strip():
            json.loads(done.stdout)
        assert_nothing_torn(disk)


def test_disk_that_has_room_again(enough, labs, unhybrid, tmp_path):
    """What a full disk left behind does not stand in the way of the next audit."""
    with small_disk(str(tmp_path / "disk"), enough // 2) as disk:
        arguments = ("-c", labs("contoso").write_configuration(), "-C", os.path.join(disk, "contoso.case"), "--no-progress", "audit")
        assert unhybrid.run(*arguments).returncode == 73
        subprocess.run(["mount", "-o", f"remount,size={enough * 4}k", disk], check=True)
        done = unhybrid.run(*arguments)
        assert done.returncode == 1, done.stderr
        assert_nothing_torn(disk)


def test_journal(tmp_path):
    """A full disk refuses new records cleanly; why the run stopped is still written, into the room held in reserve."""
    driver = os.path.join(os.environ.get("BUILD_DIR") or "build", "tests", "integration", "drivers", "journal_fill")
    for kib in (640, 1024, 2048):
        with small_disk(str(tmp_path / f"disk{kib}"), kib) as disk:
            done = subprocess.run([driver, disk, "100000"], check=False, capture_output=True, text=True)
            words = dict(part.rsplit(" ", 1) for part in done.stdout.splitlines()[0].split(", "))
            acknowledged = int(words["acknowledged"])
            assert acknowledged > 10 and words["error"] == "73", done.stdout
            assert (words["more"], words["stopped"], words["broken"]) == ("0", "1", "0"), done.stdout
            assert int(words["head"]) == acknowledged + 1
            assert done.stdout.splitlines()[1].split() == ["stopped", "read", str(acknowledged + 1)]
