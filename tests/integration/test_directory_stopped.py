# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C while a directory server says nothing: the program ends soon, whatever it waits for."""
import contextlib
import os
import signal
import socket
import subprocess
import time

import pytest

STOP_SECONDS = 3


@contextlib.contextmanager
def server(full):
    """Takes connections and says nothing; full: its queue is full, so that connections are not even taken."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0 if full else 16)
        for _ in range(4 if full else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.parametrize("full", [False, True], ids=["silent", "not-taken"])
@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_stopped_while_connecting(scheme, full, unhybrid, tmp_path):
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("secret\n", encoding="ascii")
    with server(full) as port:
        configuration = tmp_path / "unhybrid.yaml"
        configuration.write_text(f"organization: x\ndirectory:\n  url: {scheme}://127.0.0.1:{port}\n  bind: simple\n  user: CN=x\n"
                                 "  password_file: password\n", encoding="ascii")
        process = subprocess.Popen([unhybrid.path, "-c", configuration, "-C", tmp_path / "case", "--no-progress", "audit"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        time.sleep(1)   # whenever it is stopped, it is soon over
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        stopped = time.monotonic()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert time.monotonic() - stopped < STOP_SECONDS
