#!/usr/bin/env python3
"""How long a container takes from the call to its removal: one interleaved run of contain, its floor and its peers.

    python3 tests/benchmarks/run.py [--build build/release] [--samples 100] [--only NAME…] [--write]

Every row runs the same static `true` from the same root file system without a network. Rows take turns (A B C A B C …), so
that what else the machine does falls on all. A row whose container is not isolated as it claims, seen from inside, is void.
`--write` makes RESULTS.md from it. Needs root; peers are compared where they are installed (peers.sh).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks import peers, report  # noqa: E402
from benchmarks.rows import Row, floor_row, library_row, spawn_row  # noqa: E402
from support import images  # noqa: E402

CGROUPS = pathlib.Path("/sys/fs/cgroup")
HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CHECK = r"""
grep -E '^(NSpid|Seccomp|NoNewPrivs|CapEff|CapBnd):' /proc/self/status
for name in user mnt pid net ipc uts cgroup time; do echo "ns $name $(readlink /proc/self/ns/$name)"; done
echo "uid_map $(cat /proc/self/uid_map)"
echo "mounts $(wc -l < /proc/self/mountinfo)"
echo "masked $(wc -c < /proc/timer_list)"
"""


def make_root(build: pathlib.Path, target: pathlib.Path) -> None:
    """busybox's files, with the two programs without a C library and the script that looks around."""
    images.unpack(images.image("busybox"), target)
    for name in ("true", "idle"):
        (target / "bin" / name).unlink(missing_ok=True)
        shutil.copy(build / "benchmarks" / f"bench_{name}", target / "bin" / name)
    (target / "check.sh").write_text(CHECK)


def rows(build: pathlib.Path, work: pathlib.Path, root: pathlib.Path) -> list[Row]:
    """Every row that this machine can run, the floor first."""
    found = []
    for name, variant in (("floor", []), ("floor, removal deferred", ["--defer"])):
        store = work / f"floor{len(found)}"
        store.mkdir()
        subprocess.run(["cp", "-a", root, store / "base"], check=True)
        found.append(floor_row(name, build, store, *variant))
    if (build / "benchmarks/bench_start").exists():
        found.append(library_row("contain, C++ API", build, work / "store", root))
        found.append(library_row("contain, C++ API, host of 4 GiB", build, work / "store-fat", root, touch_mib=4096))
    if (build / "contain").exists():
        environment = {"CONTAIN_ROOT": str(work / "store")}
        found.append(spawn_row("contain run --rm", build, [build / "contain", "run", "--rm", "bench:latest"],
                               environment=environment))
    found.extend(peers.rows(build, work, root))
    return found


def measure(all_rows: list[Row], samples: int, pause: float) -> None:
    """Fills the rows' samples. Rows that are known to be slow take part in every third round."""
    order = random.Random(1)
    for number in range(samples):
        turn = [row for row in all_rows if not row.slow or number % 3 == 0]
        order.shuffle(turn)
        for row in turn:
            row.sample()
            time.sleep(pause)  # the kernel frees namespaces after the fact: let that fall on nobody
        print(f"\r{number + 1}/{samples} rounds", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=REPOSITORY / "build/release")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between samples")
    parser.add_argument("--directory", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                        help="where stores and bundles go; its file system is part of the result")
    parser.add_argument("--only", nargs="+", help="rows whose name contains one of these, and the floor")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    before = set(CGROUPS.glob("*/libpod_parent"))
    # The default is not /tmp, which may be a tmpfs: upper directories belong on a real file system.
    with tempfile.TemporaryDirectory(prefix="ctb-", dir=arguments.directory) as directory:
        work = pathlib.Path(directory)
        work.chmod(0o755)
        root = work / "root"
        make_root(build, root)
        all_rows = rows(build, work, root)
        if arguments.only:
            all_rows = [row for row in all_rows if row is all_rows[0] or any(word in row.name for word in arguments.only)]
        try:
            for row in all_rows:
                row.start()
            all_rows = [row for row in all_rows if row.usable]
            for row in all_rows:
                for _ in range(3):
                    row.sample()
                row.forget()
            measure(all_rows, arguments.samples, arguments.pause)
            text = report.text(all_rows, arguments.samples, work)
        finally:
            for row in all_rows:
                row.stop()
    for group in set(CGROUPS.glob("*/libpod_parent")) - before:  # podman leaves its empty parent groups
        for directory, _, _ in os.walk(group, topdown=False):
            os.rmdir(directory)
    print(text)
    if arguments.write:
        (HERE / "RESULTS.md").write_text(text)
    return 0 if all(row.verdict == "" for row in all_rows) else 1


if __name__ == "__main__":
    sys.exit(main())
