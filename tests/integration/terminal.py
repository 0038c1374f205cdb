# SPDX-License-Identifier: Apache-2.0
"""A program at a terminal: what it shows, and what a person types."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time


class Terminal:
    """expect() reads until the pattern came; what stood before it is in .before, everything in .screen."""

    def __init__(self, command, columns=100, rows=50, environment=None):
        self.screen, self.rest, self.before, self.status = "", "", "", None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execve(command[0], [str(word) for word in command], {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(environment or {})})
            finally:
                os._exit(127)   # the tests go on in one process only
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.fd)

    def _read(self, seconds):
        """False: nothing came, or the program is gone."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:   # Linux says EIO when the other side is closed
            return False
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        self.screen += text
        self.rest += text
        return bool(data)

    def expect(self, pattern, seconds=60):
        until = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.rest)
            if found:
                self.before, self.rest = self.rest[:found.start()], self.rest[found.end():]
                return found
            if time.monotonic() > until or (not self._read(max(0.0, min(1.0, until - time.monotonic()))) and self.ended()):
                raise AssertionError(f"no {pattern!r} in:\n{self.rest[-4000:]}")

    def send(self, line):
        os.write(self.fd, (line + "\n").encode())

    def answer(self, pattern, line, seconds=60):
        found = self.expect(pattern, seconds)
        time.sleep(0.05)   # what is typed before the question stands there is thrown away, as a person's would be
        self.send(line)
        return found

    def interrupt(self):
        """Ctrl-C."""
        os.write(self.fd, b"\x03")

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def wait(self, seconds=60):
        """The exit code."""
        until = time.monotonic() + seconds
        while not self.ended():
            assert time.monotonic() < until, f"it does not end:\n{self.rest[-4000:]}"
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.status
