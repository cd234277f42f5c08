"""The container tools that contain is compared with, as rows: each with its own defaults, on the same root file system.

Current crun, runc and podman refuse a hybrid host's stray cgroup2 mount, so peers run in a mount namespace of their own
without it; that namespace is made before the first sample and costs them nothing.
"""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from .rows import Row, output_of

QUIET = {"PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
# A chroot would not do: runtimes need the root to be a mount.
ENTER_CHROOT = """
mount --rbind {root} {root}
for part in proc sys dev; do mount --rbind /$part {root}/$part; done
mkdir -p {root}{work} {root}/old
mount --rbind {work} {root}{work}
cd {root}
pivot_root . old
cd /
umount -l /old
"""


def _wrapped(command: Sequence[str | os.PathLike[str]], chroot: pathlib.Path | None, work: pathlib.Path) -> list[str]:
    """``command`` in a mount namespace of its own, in ``chroot`` if given."""
    script = "set -e\numount /sys/fs/cgroup/unified 2>/dev/null || true\n"
    if chroot is not None:
        script += ENTER_CHROOT.format(root=chroot, work=work)
    script += "exec " + shlex.join(map(str, command))
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]


def _row(name: str, argv: Sequence[str | os.PathLike[str]], chroot: pathlib.Path | None, work: pathlib.Path,
         slow: bool) -> Row:
    spawn = work / "bench_spawn"
    return Row(name, _wrapped([spawn, "--", *argv, "/bin/true"], chroot, work), slow=slow, environment=QUIET,
               check=lambda row: output_of(_wrapped([*argv, "/bin/sh", "/check.sh"], chroot, work)))


def _bundle(tool: str, chroot: pathlib.Path | None, work: pathlib.Path, root: pathlib.Path, label: str,
            command: list[str]) -> pathlib.Path:
    """An OCI bundle with the runtime's own default config, without the terminal."""
    bundle = work / f"bundle-{label}"
    bundle.mkdir()
    subprocess.run(_wrapped([tool, "spec", "--bundle", bundle], chroot, work), check=True, capture_output=True)
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    config["process"]["args"] = command
    config["root"] = {"path": str(root), "readonly": True}
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


def _runtime_row(tool: str, name: str, chroot: pathlib.Path | None, work: pathlib.Path, root: pathlib.Path) -> Row:
    label = name.replace(" ", "-")
    bundle = _bundle(tool, chroot, work, root, label, ["/bin/true"])
    look = _bundle(tool, chroot, work, root, label + "-check", ["/bin/sh", "/check.sh"])
    spawn = work / "bench_spawn"
    # Its state in the work directory: nothing of the benchmark stays on the machine.
    base = [tool, "--root", str(work / f"state-{label}"), "run", "--bundle"]
    return Row(f"{name} run", _wrapped([spawn, "--", *base, bundle, "bench"], chroot, work), slow=tool == "runc",
               check=lambda row: output_of(_wrapped([*base, look, "check"], chroot, work)))


def _podman_row(name: str, chroot: pathlib.Path | None, work: pathlib.Path, root: pathlib.Path) -> Row:
    label = name.replace(" ", "-")
    storage = work / f"s-{label[:9]}"  # podman wants a run root of at most 50 characters
    base = ["podman", "--root", storage, "--runroot", f"{storage}r", "--tmpdir", f"{storage}t",
            "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "overlay"]
    archive = work / "root.tar"
    if not archive.exists():
        subprocess.run(["tar", "-cf", archive, "-C", root, "."], check=True)
    subprocess.run(_wrapped([*base, "import", archive, "bench"], chroot, work), check=True, capture_output=True)
    run = [*base, "run", "--rm", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "bench"]
    return _row(f"{name} run --rm", run, chroot, work, slow=True)


def _bwrap_row(name: str, chroot: pathlib.Path | None, work: pathlib.Path, root: pathlib.Path) -> Row:
    argv = ["bwrap", "--unshare-all", "--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent"]
    return _row(name, argv, chroot, work, slow=False)


def _version(tool: str, chroot: pathlib.Path | None, work: pathlib.Path) -> str:
    words = output_of(_wrapped([tool, "--version"], chroot, work)).split()
    return next((word for word in words if word[0].isdigit()), "?").partition("+")[0]


def rows(build: pathlib.Path, work: pathlib.Path, root: pathlib.Path) -> list[Row]:
    """Those installed here, and those of the chroot that ``peers.sh current`` made."""
    shutil.copy(build / "benchmarks/bench_spawn", work / "bench_spawn")
    cache = pathlib.Path(os.environ.get("CONTAIN_TEST_CACHE") or pathlib.Path.home() / ".cache/contain-tests")
    current = cache / "peers-sid"
    found: list[Row] = []
    for chroot in (None, current):
        for tool in ("crun", "runc", "podman", "bwrap"):
            there = shutil.which(tool) if chroot is None else (chroot / "usr/bin" / tool).exists()
            if not there:
                continue
            try:
                name = f"{tool} {_version(tool, chroot, work)}"
                if tool in ("crun", "runc"):
                    found.append(_runtime_row(tool, name, chroot, work, root))
                elif tool == "podman":
                    found.append(_podman_row(name, chroot, work, root))
                else:
                    found.append(_bwrap_row(name, chroot, work, root))
            except (OSError, subprocess.SubprocessError) as error:
                detail = getattr(error, "stderr", None) or error
                print(f"{tool}: left out: {detail}", file=sys.stderr)
    return found
