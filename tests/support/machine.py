#!/usr/bin/env python3
"""A small machine with another kernel: qemu without KVM, Debian's 6.1 cloud kernel, pure cgroup v2, a real ext4 disk.

What the kernel of the test machine cannot show is shown here: a host whose only hierarchy is cgroup v2, and a kernel
without the newest mount calls. One boot takes 10 to 20 s; times inside mean nothing.

    python3 tests/support/machine.py PROGRAM [ARGUMENT…]    runs a program of this machine in there, as root
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.images import cache_directory, missing_tools  # noqa: E402

MODULES = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay"]
TOOLS = ["qemu-system-x86_64", "cpio", "depmod", "mkfs.ext4", "busybox"]
MARK = "@@contain-rc="


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a program in the machine did."""

    returncode: int
    output: str


def why_not() -> str | None:
    """The reason why no machine can be started here, or None."""
    if absent := missing_tools(*TOOLS):
        return "needs " + ", ".join(absent)
    return None


def kernel() -> tuple[pathlib.Path, str]:
    """Directory with an unpacked kernel package, and the kernel's release; downloaded once."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, capture_output=True, text=True)
    found = re.search(r"Depends: (linux-image-(\S+))", depends.stdout)
    assert found, depends.stdout
    package, release = found[1], found[2]
    target = cache_directory() / package
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
            made = pathlib.Path(work) / "kernel"
            # apt drops its privileges and could not write into a private directory.
            pathlib.Path(work).chmod(0o777)
            subprocess.run(["apt-get", "download", package], check=True, capture_output=True, cwd=work)
            (archive,) = pathlib.Path(work).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, made], check=True)
            subprocess.run(["depmod", "-b", made, release], check=True)
            try:
                made.rename(target)
            except OSError:
                if not target.exists():
                    raise
    return target, release


def module_files(tree: pathlib.Path, release: str) -> list[pathlib.Path]:
    """The wanted modules with all they depend on, first what others need."""
    base = tree / "lib/modules" / release
    depends = {}
    for line in (base / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        depends[pathlib.Path(name).stem] = (name, rest.split())
    ordered: list[str] = []
    for module in MODULES:
        if module not in depends:
            continue  # built in
        name, needs = depends[module]
        ordered += [path for path in [*reversed(needs), name] if path not in ordered]
    return [base / path for path in ordered]


def libraries(program: pathlib.Path) -> list[pathlib.Path]:
    """What the dynamic linker will want."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True)
    return [pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", listed.stdout)]


INIT = """\
#!/bin/sh
# The initramfs cannot be left by pivot_root(2): everything moves to a tmpfs first.
mkdir -p /new && mount -t tmpfs none /new && cd / && for d in *; do [ $d = new ] || cp -a $d new/; done
mkdir -p new/proc new/sys new/dev new/tmp new/disk
exec switch_root /new /second
"""

SECOND = """\
#!/bin/sh
export PATH=/bin HOME=/root
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts none /dev/pts; mount -t tmpfs none /dev/shm
for module in /modules/*; do insmod $module; done
mount -t cgroup2 none /sys/fs/cgroup
mount -t ext4 /dev/vda /disk && mkdir -p /disk/tmp && chmod 1777 /disk/tmp && mount --bind /disk/tmp /tmp
ip link set lo up
cd /tmp
sh /run.sh
echo "@@contain-rc=$?"
poweroff -f
"""


def make_initramfs(work: pathlib.Path, script: str, programs: list[pathlib.Path]) -> pathlib.Path:
    tree, release = kernel()
    root = work / "root"
    for folder in ("bin", "modules", "etc", "root"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    for index, module in enumerate(module_files(tree, release)):
        shutil.copy(module, root / "modules" / f"{index:02}-{module.name}")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    for program in programs:
        copies = [(program, pathlib.Path("bin") / program.name)]
        copies += [(library, library.relative_to("/")) for library in libraries(program)]
        for source, target in copies:
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            if not (root / target).exists():
                shutil.copy(source, root / target)
    for name, text in (("init", INIT), ("second", SECOND), ("run.sh", script)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    archive = work / "initramfs"
    with archive.open("wb") as out:
        names = subprocess.run(["find", ".", "-print0"], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["cpio", "-0o", "-H", "newc", "--quiet"], cwd=root, input=names, stdout=out, check=True)
    return archive


def run(script: str, programs: list[pathlib.Path], *, timeout: float = 300) -> Outcome:
    """Boots, runs the shell ``script`` with ``programs`` on its PATH, powers off.

    Args:
        script: shell text; its exit status is the outcome's.
        programs: files of this machine, copied with the libraries they need.
        timeout: seconds for the whole life of the machine.

    Raises:
        subprocess.TimeoutExpired: it did not end in time.
    """
    tree, release = kernel()
    with tempfile.TemporaryDirectory(prefix="contain-machine-") as folder:
        work = pathlib.Path(folder)
        initramfs = make_initramfs(work, script, programs)
        disk = work / "disk"
        disk.touch()
        os.truncate(disk, 512 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
        command = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "2",
                   "-m", "1024", "-nographic", "-nodefaults", "-no-user-config", "-no-reboot", "-serial", "stdio",
                   "-drive", f"file={disk},if=virtio,format=raw,cache=unsafe",
                   "-kernel", str(tree / f"boot/vmlinuz-{release}"), "-initrd", str(initramfs),
                   "-append", "console=ttyS0 panic=-1 quiet"]  # fmt: skip
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    output = done.stdout.decode(errors="replace").replace("\r\n", "\n")
    found = re.search(re.escape(MARK) + r"(\d+)", output)
    return Outcome(int(found[1]) if found else -1, output)


def main() -> int:
    if len(sys.argv) < 2:
        print(textwrap.dedent(__doc__ or ""))
        return 2
    program = pathlib.Path(sys.argv[1]).resolve()
    words = " ".join([program.name, *sys.argv[2:]])
    outcome = run(f"exec {words}\n", [program])
    print(outcome.output)
    return outcome.returncode


if __name__ == "__main__":
    sys.exit(main())
