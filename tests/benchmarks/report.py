"""The benchmark's result as Markdown."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
from collections.abc import Sequence

from .rows import Row

# What issue 2 asks: (row, of which row, at most). A row is found by the start of its name.
GOALS = (("contain, C++ API", "floor", 1.25), ("contain, C++ API", "crun", 1 / 3), ("contain, C++ API", "runc", 1 / 10),
         ("contain, C++ API", "podman", 1 / 30), ("contain run", "crun", 2 / 3),
         ("contain, C++ API, host of 4 GiB", "contain, C++ API", 1.05))


def percentile(samples: Sequence[int], share: float) -> float:
    """In milliseconds; the sample at or above ``share``."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


def _text(path: str) -> str:
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""


def _cgroup_mode() -> str:
    if pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return "v2"
    return "hybrid (v1 controllers)" if pathlib.Path("/sys/fs/cgroup/unified").exists() else "v1"


def _file_system(directory: pathlib.Path) -> str:
    """Type and options of the mount that ``directory`` is on."""
    mounts = [line.split() for line in _text("/proc/self/mountinfo").splitlines()]
    on = max((words for words in mounts if directory.is_relative_to(words[4])), key=lambda words: len(words[4]))
    rest = on[on.index("-") + 1:]
    return f"{rest[0]} ({rest[2]})"


def _machine(directory: pathlib.Path) -> list[str]:
    processor = next((line.partition(":")[2].strip() for line in _text("/proc/cpuinfo").splitlines()
                      if line.startswith("model name")), platform.machine())
    memory = int(_text("/proc/meminfo").split()[1]) / (1 << 20)
    load = _text("/proc/loadavg").split()[0]
    return [
        f"- {os.cpu_count()} × {processor}, {memory:.0f} GiB, Linux {platform.release()}",
        f"- cgroups {_cgroup_mode()}, rcu_expedited {_text('/sys/kernel/rcu_expedited')}, "
        f"{len(_text('/proc/self/mountinfo').splitlines())} host mounts, load at the end {load}",
        f"- stores and bundles on {_file_system(directory)}",
        f"- {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
    ]


def _isolation(row: Row) -> str:
    own = [name for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time") if row.isolation.get(name) == "own"]
    seccomp = "seccomp" if row.isolation.get("Seccomp") == "2" else "no seccomp"
    privileges = "nnp" if row.isolation.get("NoNewPrivs") == "1" else "no nnp"
    capabilities = bin(int(row.isolation.get("CapEff", "0"), 16)).count("1")
    return f"{len(own)} namespaces, {capabilities} caps, {privileges}, {seccomp}"


def _table(rows: Sequence[Row]) -> list[str]:
    floor = percentile(rows[0].wall, 0.5)
    lines = ["| row | n | p50 ms | p99 ms | min ms | CPU ms | × floor | isolation seen inside |",
             "|---|---:|---:|---:|---:|---:|---:|---|"]
    for row in rows:
        p50 = percentile(row.wall, 0.5)
        verdict = f"**void: {row.verdict}**" if row.verdict else _isolation(row)
        lines.append(f"| {row.name} | {len(row.wall)} | {p50:.2f} | {percentile(row.wall, 0.99):.2f} | "
                     f"{min(row.wall) / 1e6:.2f} | {row.mean_cpu_ns() / 1e6:.2f} | {p50 / floor:.2f} | {verdict} |")
    return lines


def _goals(rows: Sequence[Row]) -> list[str]:
    lines = ["| row | against | p50 ratio | at most | |", "|---|---|---:|---:|---|"]
    for name, other, most in GOALS:
        ours = next((row for row in rows if row.name == name or (name == "contain run" and row.name.startswith(name))), None)
        for row in rows:
            if ours is None or not (row.name == other or row.name.startswith(other + " ")):
                continue
            ratio = percentile(ours.wall, 0.5) / percentile(row.wall, 0.5)
            lines.append(f"| {ours.name} | {row.name} | {ratio:.3f} | {most:.3f} | {'met' if ratio <= most else 'missed'} |")
    return lines


def text(rows: Sequence[Row], samples: int, directory: pathlib.Path) -> str:
    """The whole document."""
    memory = [f"- supervisor of {row.name}: {row.resident()}" for row in rows if row.supervisor]
    return "\n".join([
        "# From the call to the container's removal",
        "",
        "Made by `tests/benchmarks/run.py --write`; do not edit. A static `true`, the same root file system, no network; "
        "rows interleaved.",
        "",
        *_machine(directory),
        f"- {samples} rounds; slow rows in every third",
        "",
        *_table(rows),
        "",
        "CPU is that of the measured process and all it reaped; for the library also its supervisor's. podman's container "
        "belongs to its monitor and is not in it. `floor` is floor.c: the same kernel objects, made in the fastest order "
        "found, in a loop. Peers have their own defaults: what they isolate less, they need not pay for. crun and runc run "
        "on the plain directory, without an overlay to make and remove.",
        "",
        "## Goals",
        "",
        *_goals(rows),
        "",
        "## Memory",
        "",
        *memory,
        "",
    ])
