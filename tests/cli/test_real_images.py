"""Real images, made from Debian packages and pushed by an independent tool, pulled and run from every front."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from support import images, local_registry, products

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: owners of the image's files"),
    pytest.mark.skipif(not products.command().exists(), reason=f"needs {products.command()}: ./dev test builds it"),
    pytest.mark.timeout(300),  # the Debian image may have to be made first
]

PYTHON = """
import contain, sys
engine = contain.Engine(store=sys.argv[1])
sys.stdout.write(engine.run(sys.argv[2], *sys.argv[3:]).text)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A store that has pulled nothing yet; shared, so that an image is pulled once."""
    return tmp_path_factory.mktemp("real-images") / "store"


def from_shell(store: pathlib.Path, image: str, *command: str) -> str:
    return products.contain(store, "run", "--rm", image, *command).stdout


def from_cpp(store: pathlib.Path, image: str, *command: str) -> str:
    program = products.program("run_host")
    if not program.exists():
        pytest.skip(f"needs {program}: ./dev test builds it")
    return subprocess.run([program, store, image, *command], check=True, capture_output=True, text=True).stdout


def from_python(store: pathlib.Path, image: str, *command: str) -> str:
    done = subprocess.run([sys.executable, "-c", PYTHON, store, image, *command], check=False, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("front", [from_shell, from_cpp, from_python])
def test_debian_says_its_release(store: pathlib.Path, debian_reference: str, front) -> None:
    release = dict(line.split("=", 1) for line in front(store, debian_reference, "cat", "/etc/os-release").splitlines())
    assert release["ID"] == "debian"
    assert release["VERSION_CODENAME"] == "bookworm"


@pytest.mark.parametrize("front", [from_shell, from_cpp, from_python])
def test_debian_programs_run(store: pathlib.Path, debian_reference: str, front) -> None:
    assert front(store, debian_reference, "apt-get", "--version").startswith("apt ")
    assert front(store, debian_reference, "bash", "-c", "echo $((6 * 7)) $(id -u) $(dpkg --print-architecture)") == "42 0 amd64\n"


def test_debian_package_manager_works(store: pathlib.Path, debian_reference: str) -> None:
    # Many owners, hard links and setgid directories: what a wrong unpack breaks first.
    script = "dpkg --verify && dpkg --audit && stat -c '%U:%G %a' /var/mail /usr/bin/passwd /tmp && ls /var/lib/dpkg/info | wc -l"
    lines = from_shell(store, debian_reference, "sh", "-c", script).splitlines()
    assert lines[:3] == ["root:mail 2775", "root:root 4755", "root:root 1777"]
    assert int(lines[3]) > 100


def test_default_command_of_the_image(store: pathlib.Path, debian_reference: str) -> None:
    done = subprocess.run([products.command(), "run", "--rm", "-i", debian_reference], input="echo from $BASH_VERSION\n",
                          env={**os.environ, "CONTAIN_ROOT": str(store)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("from 5.")


@pytest.mark.parametrize("manifest", ["oci", "v2s2"])
def test_busybox_is_pulled(store: pathlib.Path, registry: local_registry.LocalRegistry, busybox_image: images.Image,
                           manifest: str) -> None:
    reference = registry.push(busybox_image, repository=f"busybox-{manifest}", manifest=manifest)
    products.contain(store, "pull", reference)
    names = products.contain(store, "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.splitlines()
    assert reference in names
    assert from_shell(store, reference, "echo", "hello") == "hello\n"
    assert products.contain(store, "pull", reference).returncode == 0  # again: nothing to do


def test_pulled_files_are_the_images(store: pathlib.Path, busybox_reference: str, busybox_image: images.Image,
                                     tmp_path: pathlib.Path) -> None:
    """What a container sees is what an independent unpacker sees, owner, mode and content."""
    by_umoci = images.unpack(busybox_image, tmp_path / "root")
    script = "cd {}; find bin etc home root tmp usr var | sort | xargs stat -c '%n %F %a %u:%g'; cat etc/passwd | md5sum"
    expected = subprocess.run(["busybox", "sh", "-c", script.format(by_umoci)], check=True, capture_output=True, text=True)
    seen = from_shell(store, busybox_reference, "sh", "-c", script.format("/"))
    # These three are generated for each container.
    generated = ("etc/hosts ", "etc/hostname ", "etc/resolv.conf ")
    keep = [line for line in expected.stdout.splitlines() if not line.startswith(generated)]
    assert [line for line in seen.splitlines() if not line.startswith(generated)] == keep


def test_loads_what_another_tool_saved(store: pathlib.Path, busybox_image: images.Image, tmp_path: pathlib.Path) -> None:
    archive = images.docker_archive(busybox_image, tmp_path / "busybox.tar")
    products.contain(store, "load", "--input", str(archive))
    assert from_shell(store, "busybox:latest", "cat", "/etc/group").startswith("root:x:0:")


def test_another_tool_reads_what_it_saves(store: pathlib.Path, busybox_reference: str, tmp_path: pathlib.Path) -> None:
    products.contain(store, "pull", busybox_reference)
    products.contain(store, "save", "--output", str(tmp_path / "saved.tar"), busybox_reference)
    subprocess.run(["skopeo", "--insecure-policy", "copy", f"docker-archive:{tmp_path}/saved.tar", f"oci:{tmp_path}/again:x"],
                   check=True, capture_output=True)
    assert (images.unpack(images.Image("again", "x", tmp_path / "again"), tmp_path / "root") / "bin/busybox").is_file()
