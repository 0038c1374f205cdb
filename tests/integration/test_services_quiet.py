# SPDX-License-Identifier: Apache-2.0
"""The demo leaves nothing behind: no process, no port, no file of its own; and installing starts no service."""
import glob
import os
import shutil
import subprocess

import pytest

from conftest import TOP

DEMO_SECONDS = 600
LISTENING = {"/proc/net/tcp": "0A", "/proc/net/tcp6": "0A", "/proc/net/udp": "07", "/proc/net/udp6": "07"}
DAEMONS = {"slapd", "nsd", "krb5kdc", "kadmind", "master", "named", "unbound"}


def listening():
    """{inode of a socket that listens: local address}."""
    found = {}
    for table, state in LISTENING.items():
        with open(table, encoding="ascii") as lines:
            for line in lines.readlines()[1:]:
                fields = line.split()
                if fields[3] == state:
                    found[fields[9]] = os.path.basename(table) + " " + fields[1]
    return found


def holders(inodes):
    """Command lines of the processes that hold these sockets."""
    result = {}
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
            if target.startswith("socket:[") and target[8:-1] in inodes:
                with open(f"/proc/{link.split('/')[2]}/cmdline", "rb") as text:
                    result[target[8:-1]] = text.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return result


def daemons():
    """{pid: command line} of the daemons that packages of ours would start."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8", errors="replace") as name, open(os.path.dirname(path) + "/cmdline", "rb") as text:
                if name.read().strip() in DAEMONS:
                    found[path.split("/")[2]] = text.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return {pid: command for pid, command in found.items() if command}


def test_demo_leaves_nothing(unhybrid, tmp_path):
    """Ports and daemons after the demo are those from before. Other labs on this machine may come and go meanwhile:
    what counts is the demo's own, told by its scratch directory, and what belongs to the system."""
    sockets, running = set(listening()), set(daemons())
    build = os.path.dirname(os.path.dirname(os.path.dirname(unhybrid.path)))
    environment = {**os.environ, "TMPDIR": str(tmp_path), "DEMO_BUILD": build}
    done = subprocess.run([os.path.join(TOP, "dev"), "demo"], timeout=DEMO_SECONDS, env=environment, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-3000:]
    own = lambda command: str(tmp_path) in command or " /etc/" in command or command.strip() in ("slapd", "nsd")
    new = holders(set(listening()) - sockets)
    assert [command for command in new.values() if own(command)] == []
    assert [command for pid, command in daemons().items() if pid not in running and own(command)] == []
    assert os.listdir(tmp_path) == []
    assert "unhybrid -c contoso.yaml audit" in done.stdout.splitlines()[-1]


def shell(policy, body):
    return subprocess.run(["bash", "-c", f'source "{TOP}/dev"; POLICY="{policy}"; set +e; {body}'], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 101\n"])
def test_policy_is_put_back(before, tmp_path):
    """While installing no service starts; afterwards the policy is what it was: absent, or the very file."""
    policy = tmp_path / "policy-rc.d"
    if before:
        policy.write_text(before)
        policy.chmod(0o755)
    done = shell(policy, 'deny_services; "$POLICY" slapd start; echo "answer $?"; allow_services')
    assert "answer 101" in done.stdout, done.stdout
    assert (policy.read_text() if policy.exists() else None) == before
    assert sorted(os.listdir(tmp_path)) == (["policy-rc.d"] if before else [])


def test_policy_after_a_killed_run(tmp_path):
    """A run that was killed while installing left the old policy aside: the next one puts it back."""
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\n# somebody's\nexit 0\n")
    policy.chmod(0o755)
    assert shell(policy, "deny_services").returncode == 0
    assert "somebody" not in policy.read_text()
    shell(policy, "deny_services; allow_services")
    assert "somebody" in policy.read_text()
    assert os.listdir(tmp_path) == ["policy-rc.d"]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root to become nobody")
def test_without_root_the_line_is_printed(tmp_path):
    """Neither root nor sudo: the one line to run, and a failure."""
    script = f'source "{TOP}/dev"; missing_packages() {{ echo "slapd nsd "; }}; dev_setup'
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "PATH=/usr/bin:/bin", "bash", "-c",
                           f'command() {{ [ "$2" != sudo ] && builtin command "$@"; }}; {script}'],
                          check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stdout.strip().endswith("install -y --no-install-recommends slapd nsd")
