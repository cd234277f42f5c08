"""The command on a store of its own, with busybox in it, and a terminal to sit at."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest

from support import images, products


class Cli:
    """``contain`` on one store. Results carry bytes' text; nothing is checked unless asked for."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.environment = {**os.environ, "CONTAIN_ROOT": str(root)}
        self.environment.pop("NO_COLOR", None)
        self.started: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: str) -> list[str]:
        return [str(products.command()), *arguments]

    def __call__(self, *arguments: str, input: str | bytes | None = None, timeout: float = 60,  # noqa: A002
                 env: dict[str, str] | None = None, **options) -> subprocess.CompletedProcess[str]:
        data = input.encode() if isinstance(input, str) else input
        stdin = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(self.command(*arguments), env={**self.environment, **(env or {})}, capture_output=True,
                              timeout=timeout, check=False, **stdin, **options)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *arguments: str, **options) -> str:
        """Standard output of a command that must succeed."""
        done = self(*arguments, **options)
        assert done.returncode == 0, f"contain {' '.join(arguments)} gave {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def popen(self, *arguments: str, **options) -> subprocess.Popen[bytes]:
        settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        self.started.append(subprocess.Popen(self.command(*arguments), env=self.environment, **settings))
        return self.started[-1]

    def format(self, name: str, template: str) -> str:
        return self.ok("inspect", "--format", template, name).strip()

    def wait_until(self, name: str, state: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while (now := self.format(name, "{{.State.Status}}")) != state:
            assert time.monotonic() < deadline, f"{name} is {now}, not {state}"
            time.sleep(0.05)

    def clean_up(self) -> None:
        """Ends what popen() started, and removes every container."""
        for process in self.started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self.started.clear()
        if not self.root.exists():
            return
        if names := self.ok("ps", "-aq", "--no-trunc").split():
            self.ok("rm", "-f", *names)


class Terminal:
    """``contain`` with a pty as its controlling terminal."""

    def __init__(self, cli: Cli, *arguments: str, rows: int = 33, columns: int = 77):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(cli.command(*arguments), env={**cli.environment, "TERM": "xterm"},
                                        stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def expect(self, text: bytes, seconds: float = 20) -> bytes:
        """What came up to and with ``text``; later output stays for the next call."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} in {self.seen!r}"
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                continue
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:  # EIO: everybody closed the slave
                assert text in self.seen, f"no {text!r} in {self.seen!r}"
        before, self.seen = self.seen[: self.seen.index(text) + len(text)], self.seen[self.seen.index(text) + len(text):]
        return before

    def end(self, seconds: float = 20) -> int:
        """The exit status. The terminal must be as it was."""
        status = self.process.wait(seconds)
        assert termios.tcgetattr(self.slave) == self.before, "the terminal was not given back"
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)


def need_command() -> None:
    if not products.command().exists():
        pytest.skip(f"needs {products.command()}: ./dev test builds it")


@pytest.fixture
def bare(tmp_path: pathlib.Path) -> Iterator[Cli]:
    """The command on an empty store."""
    need_command()
    cli = Cli(tmp_path / "store")
    yield cli
    cli.clean_up()


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, busybox_image: images.Image) -> Cli:
    need_command()
    if os.geteuid() != 0:
        pytest.skip("needs root: owners of the image's files")
    cli = Cli(tmp_path_factory.mktemp("cli") / "store")
    cli.ok("load", "-i", str(busybox_image.layout))
    cli.ok("tag", cli.ok("images", "-q", "--no-trunc").split()[0], "busybox")
    return cli


@pytest.fixture
def cli(shared_store: Cli) -> Iterator[Cli]:
    """The command on a store with busybox; the test's containers are removed behind it."""
    yield shared_store
    shared_store.clean_up()


@pytest.fixture
def terminal(cli: Cli) -> Iterator:
    """Starts commands on a terminal: ``terminal("run", "-it", "busybox")``."""
    opened: list[Terminal] = []

    def start(*arguments: str, **size: int) -> Terminal:
        opened.append(Terminal(cli, *arguments, **size))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
