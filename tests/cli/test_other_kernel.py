"""The same programs on a host with pure cgroup v2 and Linux 6.1: no layers by descriptor, no detached clones."""

from __future__ import annotations

import pathlib
import re

import pytest

from support import machine, products


@pytest.fixture(scope="module", autouse=True)
def _machine() -> None:
    if reason := machine.why_not():
        pytest.skip(reason)


def test_supervisor_suite_passes_on_linux_6_1() -> None:
    program = products.build_directory() / "tests" / "test_root_supervisor"
    outcome = machine.run("exec test_root_supervisor --gtest_color=no\n", [program])
    assert outcome.returncode == 0, outcome.output


def test_command_runs_and_limits_on_pure_cgroup_v2() -> None:
    script = """
set -e
export CONTAIN_ROOT=/disk/store
contain run hello-world
mkdir -p rootfs/bin && cp /bin/busybox rootfs/bin/ && ln -s busybox rootfs/bin/sh
ln -s busybox rootfs/bin/cat && ln -s busybox rootfs/bin/tail
tar -C rootfs -cf - . | contain import - box
contain run --rm --pids-limit 77 --memory 64m --cpus 0.5 box /bin/sh -c '
  cd /sys/fs/cgroup; cat pids.max memory.max cpu.max /proc/self/cgroup'
contain run --rm --memory 32m box /bin/tail /dev/zero || echo "oom: $?"
contain run -d --name web box /bin/sh -c 'while :; do cat /proc/uptime >/dev/null; done'
contain exec web /bin/cat /proc/1/cgroup
contain stop -t 0 web
contain ps -a
contain rm web
ls /sys/fs/cgroup/contain
"""
    outcome = machine.run(script, [products.command()])
    assert outcome.returncode == 0, outcome.output
    assert "Hello from contain!" in outcome.output
    assert "77\n67108864\n50000 100000\n0::/\n" in outcome.output
    assert "oom: 137" in outcome.output
    assert "Exited (137)" in outcome.output
    left = outcome.output.partition("Exited (137)")[2]
    assert not re.search(r"^[0-9a-f]{64}$", left, re.MULTILINE), "a cgroup is left\n" + outcome.output


def test_machine_reports_the_status_of_its_script(tmp_path: pathlib.Path) -> None:
    assert machine.run("exit 7\n", []).returncode == 7
