"""A row of the benchmark: a process that runs one container for each line it is sent and answers with the time it took."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass
class Row:
    """One contender. ``argv`` is the answering process; ``check`` the command whose output tells its isolation."""

    name: str
    argv: Sequence[str | os.PathLike[str]]
    check: Callable[[Row], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False        # held to the whole default profile; peers only show what they have
    slow: bool = False
    greets: bool = False      # prints "ready SUPERVISOR_PID" first
    wall: list[int] = field(default_factory=list)
    cpu: list[int] = field(default_factory=list)
    isolation: dict[str, str] = field(default_factory=dict)
    verdict: str = ""         # why the row is void
    usable: bool = True
    supervisor: int = 0
    _supervisor_cpu: int = 0
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts the process and looks around inside a container; an unusable row says why on standard error."""
        self._process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         env={**os.environ, **self.environment})
        try:
            if self.greets:
                self.supervisor = int(self._line().split()[1])
            self._look(self.check(self))
        except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
            print(f"{self.name}: left out: {error}", file=sys.stderr)
            self.usable = False
            self.stop()

    def _line(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise OSError(f"ended with {self._process.wait()}")
        return line

    def ask(self, line: str) -> str:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._line()

    def ask_for_text(self, line: str) -> str:
        """An answer of several lines, ended by a single dot."""
        text = [self.ask(line)]
        while text[-1] != ".\n":
            text.append(self._line())
        return "".join(text[:-1])

    def sample(self) -> None:
        words = self.ask("run").split()
        if len(words) > 2 and words[2] != "0":
            raise RuntimeError(f"{self.name}: the container ended with {words[2]}")
        self.wall.append(int(words[0]))
        self.cpu.append(int(words[1]))

    def forget(self) -> None:
        """Drops the warm-up samples."""
        self.wall.clear()
        self.cpu.clear()
        self._supervisor_cpu = self._supervisor_ticks()

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._process = None

    def mean_cpu_ns(self) -> float:
        """Of the measured process, what it reaped, and the supervisor with the containers it reaped."""
        own = sum(self.cpu) / max(1, len(self.cpu))
        if self.supervisor:
            own += (self._supervisor_ticks() - self._supervisor_cpu) * TICK_NS / max(1, len(self.wall))
        return own

    def resident(self) -> str:
        """VmRSS and PSS of the supervisor, as text."""
        status = pathlib.Path(f"/proc/{self.supervisor}/status").read_text()
        rollup = pathlib.Path(f"/proc/{self.supervisor}/smaps_rollup").read_text()
        memory = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        proportional = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
        return f"VmRSS {memory} KiB, PSS {proportional} KiB"

    def _supervisor_ticks(self) -> int:
        if not self.supervisor:
            return 0
        fields = pathlib.Path(f"/proc/{self.supervisor}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))  # utime stime cutime cstime

    def _look(self, text: str) -> None:
        """Reads what check.sh printed and decides whether the container was one."""
        seen: dict[str, str] = {}
        for line in text.splitlines():
            words = line.split()
            if line.startswith("ns ") and len(words) == 3:
                own = os.readlink(f"/proc/self/ns/{words[1]}")
                seen[words[1]] = "own" if words[2] != own else "host"
            elif words:
                seen[words[0].rstrip(":")] = " ".join(words[1:])
        if "Seccomp" not in seen:
            raise ValueError(f"no container: {text[-300:]!r}")
        self.isolation = seen
        if not self.ours:
            return
        wrong = [name for name in NAMESPACES if seen.get(name) != "own"]
        wrong += [key for key, value in (("Seccomp", "2"), ("NoNewPrivs", "1"), ("CapEff", "00000000000005fb"),
                                         ("CapBnd", "00000000000005fb"), ("masked", "0")) if seen.get(key) != value]
        self.verdict = "not isolated: " + ", ".join(wrong) if wrong else ""


def output_of(argv: Sequence[str | os.PathLike[str]], environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a command; its standard error is the reason when it fails."""
    done = subprocess.run(argv, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        raise OSError(f"{pathlib.Path(argv[0]).name} gave {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def floor_row(name: str, build: pathlib.Path, store: pathlib.Path, *variant: str) -> Row:
    base = [build / "benchmarks/bench_floor", "--store", store, "--lower", "base", *variant]
    return Row(name, [*base, "--serve", "--", "/bin/true"], ours=True,
               check=lambda row: output_of([*base, "--samples", "1", "--", "/bin/sh", "/check.sh"]))


def library_row(name: str, build: pathlib.Path, store: pathlib.Path, root: pathlib.Path, touch_mib: int = 0) -> Row:
    argv = [build / "benchmarks/bench_start", "--store", store, "--rootfs", root, "--touch", str(touch_mib), "--", "/bin/true"]
    return Row(name, argv, check=lambda row: row.ask_for_text("check . /check.sh"), ours=True, greets=True)


def spawn_row(name: str, build: pathlib.Path, argv: Sequence[str | os.PathLike[str]], *,
              environment: Mapping[str, str] | None = None, ours: bool = True) -> Row:
    """A command line: the container's command is appended to ``argv``."""
    return Row(name, [build / "benchmarks/bench_spawn", "--", *argv, "/bin/true"], environment=environment or {}, ours=ours,
               check=lambda row: output_of([*argv, "/bin/sh", "/check.sh"], environment))
