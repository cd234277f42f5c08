#!/usr/bin/env python3
"""Counts what containers leave on a machine: processes, mounts, cgroups, network namespaces, store entries.

    before = census.take(store)
    subprocess.run(census.apart("some_host", …))
    assert census.left(store, before, within=2.0) == {}

Everything is read from the kernel and the store's directories, nothing from the library under test. Supervisors of hosts
that were started otherwise are left out, with all that descends from them: other tests may run meanwhile.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields

CGROUP_MOUNT = pathlib.Path("/sys/fs/cgroup")
SUPERVISOR = "memfd:contain-supervisor"


@dataclass(frozen=True)
class Census:
    """Each member maps nothing: they are sets of strings that name what is there."""

    processes: frozenset[str]   # "pid start-time name": supervisors, and all in a container's cgroup
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


def _parent(task: pathlib.Path) -> pathlib.Path:
    fields = _text(task / "stat").rpartition(")")[2].split()
    return task.with_name(fields[1]) if fields else task.with_name("0")


def apart(*argv: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """``argv`` in a UTS namespace of its own, which its supervisor inherits: the mark by which a census knows it. The
    process keeps its id."""
    return ["unshare", "--uts", *argv]


def _is_anothers(task: pathlib.Path) -> bool:
    """Whether the process is, or descends from, a supervisor whose host was not started by :func:`apart`."""
    own = _link(pathlib.Path("/proc/self/ns/uts"))
    while task.name != "0":
        if SUPERVISOR in _link(task / "exe"):
            return _link(task / "ns/uts") == own
        task = _parent(task)
    return False


def _processes(tasks: list[pathlib.Path]) -> frozenset[str]:
    found = []
    for task in tasks:
        stat = _text(task / "stat").rpartition(")")
        if not stat[2]:
            continue
        name, fields = stat[0].partition("(")[2], stat[2].split()
        # A zombie has neither program nor cgroup any more: it is left over when nobody reaps it. One that has come to the
        # machine's init waits for that only, and some look for their children no more than every two seconds.
        if fields[0] == "Z" and fields[1] == "1":
            continue
        if SUPERVISOR in _link(task / "exe") or "/contain/" in _text(task / "cgroup") or \
                (fields[0] == "Z" and "contain" in name):
            found.append(f"{task.name} {fields[19]} {name}")
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


def _cgroups(tasks: list[pathlib.Path]) -> frozenset[str]:
    # Below the root of each hierarchy, or below the cgroup this process is in.
    own = {line.rpartition(":")[2].strip("/") for line in _text(pathlib.Path("/proc/self/cgroup")).splitlines()}
    hierarchies = [CGROUP_MOUNT, *(CGROUP_MOUNT / name for name in _names(CGROUP_MOUNT))]
    parents = {hierarchy / path / "contain" for hierarchy in hierarchies for path in own | {""}}
    groups = [parent / name for parent in parents for name in _names(parent) if (parent / name).is_dir()]
    known = {task.name for task in tasks}
    return frozenset(str(group) for group in groups
                     if known.issuperset(_text(group / "cgroup.procs").split()))  # else another store's container is in it


def take(store: pathlib.Path) -> Census:
    """What is there now. ``store`` is the engine's root; it need not exist."""
    tasks = [task for task in _tasks() if not _is_anothers(task)]
    return Census(
        processes=_processes(tasks),
        mounts=_mounts(tasks, store),
        cgroups=_cgroups(tasks),
        namespaces=frozenset(filter(None, (_link(task / "ns/net") for task in tasks))),
        store=frozenset(f"{part}/{name}" for part in ("containers", "staging") for name in _names(store / part)),
    )


KINDS = tuple(field.name for field in fields(Census))


def added(before: Census, after: Census, kinds: Iterable[str] = KINDS) -> dict[str, list[str]]:
    """What ``after`` has and ``before`` had not, by kind; empty kinds are left out."""
    found = {kind: sorted(getattr(after, kind) - getattr(before, kind)) for kind in kinds}
    return {kind: items for kind, items in found.items() if items}


def left(store: pathlib.Path, before: Census, within: float = 2.0, kinds: Iterable[str] = KINDS) -> dict[str, list[str]]:
    """What is still there after at most ``within`` seconds; returns as soon as nothing is.

    Counted is what was there at the first look: things that come and go meanwhile are somebody else's.
    """
    deadline = time.monotonic() + within
    remains = added(before, take(store), kinds)
    while remains and time.monotonic() < deadline:
        time.sleep(0.02)
        now = added(before, take(store))
        remains = {kind: kept for kind, items in remains.items() if (kept := [x for x in items if x in now.get(kind, ())])}
    return remains


if __name__ == "__main__":
    for kind, items in added(Census(*[frozenset()] * 5), take(pathlib.Path(sys.argv[1]))).items():
        print(kind, *items, sep="\n  ")
