#!/usr/bin/env python3
"""Counts what containers leave on a machine: processes, mounts, cgroups, network namespaces, store entries.

    before = census.take(store)
    …
    assert census.left(store, before, within=2.0) == {}

Everything is read from the kernel and the store's directories, nothing from the library under test.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time
from dataclasses import dataclass, fields

CGROUP_MOUNT = pathlib.Path("/sys/fs/cgroup")
SUPERVISOR = "memfd:contain-supervisor"


@dataclass(frozen=True)
class Census:
    """Each member maps nothing: they are sets of strings that name what is there."""

    processes: frozenset[str]   # "pid start-time name": supervisors, and everything in another pid namespace
    mounts: frozenset[str]      # "mount-namespace mount-point": mounts that show the store or an overlay of it
    cgroups: frozenset[str]     # directories below a "contain" cgroup
    namespaces: frozenset[str]  # network namespaces that some process is in
    store: frozenset[str]       # entries of containers/ and staging/


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _link(path: pathlib.Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _names(path: pathlib.Path) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _tasks() -> list[pathlib.Path]:
    return [pathlib.Path("/proc") / name for name in _names(pathlib.Path("/proc")) if name.isdigit()]


def _processes(tasks: list[pathlib.Path]) -> frozenset[str]:
    own = _link(pathlib.Path("/proc/self/ns/pid"))
    found = []
    for task in tasks:
        namespace = _link(task / "ns/pid")
        stat = _text(task / "stat").rpartition(")")
        if not stat[2]:
            continue
        state, started = stat[2].split()[0], stat[2].split()[19]
        # A zombie has no namespace any more: its parent has to reap it, which is what is asked here.
        if SUPERVISOR in _link(task / "exe") or (namespace not in ("", own)) or \
                (state == "Z" and "contain" in stat[0].partition("(")[2]):
            found.append(f"{task.name} {started} {stat[0].partition('(')[2]}")
    return frozenset(found)


def _mounts(tasks: list[pathlib.Path], store: pathlib.Path) -> frozenset[str]:
    found, seen = set(), set()
    # The store may be the root of a mount elsewhere: then mountinfo shows its path in its file system, or an overlay
    # whose upper directory is a container's.
    wanted = str(store)
    inside = "/" + "/".join(store.parts[1:])
    for task in tasks:
        namespace = _link(task / "ns/mnt")
        if not namespace or namespace in seen:
            continue
        seen.add(namespace)
        for line in _text(task / "mountinfo").splitlines():
            words = line.split()
            root, point = words[3], words[4]
            if wanted in line or root.startswith(inside) or "upperdir=/containers/" in line:
                found.add(f"{namespace} {point}")
    return frozenset(found)


def _cgroups() -> frozenset[str]:
    # Below the root of each hierarchy, or below the cgroup this process is in.
    own = {line.rpartition(":")[2].strip("/") for line in _text(pathlib.Path("/proc/self/cgroup")).splitlines()}
    hierarchies = [CGROUP_MOUNT, *(CGROUP_MOUNT / name for name in _names(CGROUP_MOUNT))]
    parents = {hierarchy / path / "contain" for hierarchy in hierarchies for path in own | {""}}
    return frozenset(str(parent / name) for parent in parents for name in _names(parent) if (parent / name).is_dir())


def take(store: pathlib.Path) -> Census:
    """What is there now. ``store`` is the engine's root; it need not exist."""
    tasks = _tasks()
    return Census(
        processes=_processes(tasks),
        mounts=_mounts(tasks, store),
        cgroups=_cgroups(),
        namespaces=frozenset(filter(None, (_link(task / "ns/net") for task in tasks))),
        store=frozenset(f"{part}/{name}" for part in ("containers", "staging") for name in _names(store / part)),
    )


def added(before: Census, after: Census) -> dict[str, list[str]]:
    """What ``after`` has and ``before`` had not, by kind; empty kinds are left out."""
    kinds = {field.name: sorted(getattr(after, field.name) - getattr(before, field.name)) for field in fields(Census)}
    return {kind: items for kind, items in kinds.items() if items}


def left(store: pathlib.Path, before: Census, within: float = 2.0) -> dict[str, list[str]]:
    """What is still there after at most ``within`` seconds; returns as soon as nothing is."""
    deadline = time.monotonic() + within
    while True:
        remains = added(before, take(store))
        if not remains or time.monotonic() >= deadline:
            return remains
        time.sleep(0.02)


if __name__ == "__main__":
    for kind, items in added(Census(*[frozenset()] * 5), take(pathlib.Path(sys.argv[1]))).items():
        print(kind, *items, sep="\n  ")
