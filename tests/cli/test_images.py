"""images, tag, rmi, save, load, import, history, pull, image prune."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tarfile

import pytest


@pytest.fixture
def stocked(bare, busybox_image):
    """A store of one's own with busybox, for tests that change images."""
    if os.geteuid() != 0:
        pytest.skip("needs root: owners of the image's files")
    bare.ok("load", "-i", str(busybox_image.layout))
    bare.ok("tag", bare.ok("images", "-q", "--no-trunc").split()[0], "busybox:1")
    return bare


def tags(cli) -> set[str]:
    return set(cli.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split())


def small_tar(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def test_images_rows_and_formats(stocked) -> None:
    rows = stocked.ok("images", "busybox").splitlines()
    assert re.split(r" {2,}", rows[0]) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    assert re.fullmatch(r"busybox +1 +[0-9a-f]{12} +.* ago +[\d.]+[kM]B", rows[1])
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", stocked.ok("images", "-q", "--no-trunc", "busybox"))
    assert stocked.ok("images", "--format", "table {{.Repository}}\\t{{.Tag}}", "busybox") == "REPOSITORY   TAG\nbusybox      1\n"
    first = json.loads(stocked.ok("images", "--format", "json", "busybox"))[0]
    assert isinstance(first["Size"], int)
    assert "DIGEST" in stocked.ok("images", "--digests").splitlines()[0]
    assert stocked.ok("images", "-q", "nosuch") == ""
    assert stocked.ok("image", "ls", "-q", "busy*:1") != ""
    assert stocked("images", "-f", "nope=1").returncode == 1


def test_tag_and_rmi(stocked) -> None:
    assert stocked.ok("tag", "busybox:1", "other:two") == ""
    assert {"busybox:1", "other:two"} <= tags(stocked)
    assert stocked.ok("rmi", "other:two") == "Untagged: other:two\n"
    for bad in ("UPPER", "a:b:c", ""):
        assert stocked("tag", "busybox:1", bad).returncode == 1
    done = stocked("rmi", "nosuch", "busybox:1")
    assert done.returncode == 1
    assert "error[CT0201]: no such image: nosuch" in done.stderr
    assert "Untagged: busybox:1\n" in done.stdout
    assert stocked("rmi", "-f", "nosuch").returncode == 0


def test_rmi_of_an_image_in_use(stocked) -> None:
    stocked.ok("create", "--name", "user", "busybox:1")
    for tag in tags(stocked) - {"busybox:1", "<none>:<none>"}:
        stocked.ok("rmi", tag)
    done = stocked("rmi", "busybox:1")
    assert done.returncode == 1
    assert "error[CT0202]" in done.stderr
    stocked.ok("rm", "user")
    assert "Deleted: sha256:" in stocked.ok("rmi", "busybox:1")


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_save_and_load_again(stocked, tmp_path, form) -> None:
    archive = tmp_path / "image.tar"
    identity = stocked.ok("images", "-q", "--no-trunc", "busybox:1")
    assert stocked.ok("save", "--format", form, "-o", str(archive), "busybox:1") == ""
    assert stat.S_IMODE(archive.stat().st_mode) & 0o200
    for tag in tags(stocked) - {"<none>:<none>"}:
        stocked.ok("rmi", "-f", tag)
    assert stocked.ok("load", "-i", str(archive)) == "Loaded image: busybox:1\n"
    assert stocked.ok("images", "-q", "--no-trunc", "busybox:1") == identity
    assert stocked.ok("run", "--rm", "busybox:1", "echo", "again") == "again\n"


def test_save_to_stdout_and_load_from_stdin(stocked) -> None:
    running = stocked.popen("save", "busybox:1")
    data, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, b"")
    assert stocked.ok("load", input=data) == "Loaded image: busybox:1\n"


def test_a_failed_save_leaves_no_file(stocked, tmp_path) -> None:
    target = tmp_path / "x.tar"
    assert stocked("save", "-o", str(target), "nosuch").returncode == 1
    assert list(tmp_path.glob("x.tar*")) == []
    assert stocked("save", "-o", str(tmp_path / "no" / "dir.tar"), "busybox:1").returncode == 1
    with open("/dev/full", "wb") as full:
        running = stocked.popen("save", "busybox:1", stdout=full)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert b"No space left" in errors


@pytest.mark.parametrize("data", [b"", b"not a tar", small_tar(readme="no manifest here")])
def test_load_refuses_what_is_no_archive(bare, data) -> None:
    done = bare("load", input=data)
    assert done.returncode == 1
    assert "error[CT" in done.stderr
    assert bare.ok("images", "-q") == ""


def test_import_makes_one_layer(bare, tmp_path) -> None:
    tar = small_tar(hello="hi\n")
    identity = bare.ok("import", "-c", "CMD [\"/x\"]", "-c", "ENV A=1", "-m", "by hand", "-", "made:1", input=tar).strip()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", identity)
    assert bare.ok("inspect", "-f", "{{json .Config.Cmd}}{{json .Config.Env}}", "made:1") == '["/x"]["A=1"]\n'
    assert "by hand" in bare.ok("history", "made:1")
    file = tmp_path / "root.tar"
    file.write_bytes(tar)
    assert bare.ok("import", str(file), "made:2").startswith("sha256:")
    assert bare("import", str(tmp_path / "nosuch.tar")).returncode == 1
    assert bare("import", "-c", "FROM x", str(file)).returncode == 1
    assert bare("import", "https://127.0.0.1/x.tar").returncode == 1


def test_history(stocked) -> None:
    rows = stocked.ok("history", "busybox:1").splitlines()
    assert re.split(r" {2,}", rows[0]) == ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]
    assert len(rows) >= 2
    assert json.loads(stocked.ok("history", "--format", "json", "busybox:1"))
    assert stocked("history", "nosuch").returncode == 1


def test_image_prune(bare) -> None:
    bare.ok("import", "-", input=small_tar(a="1"))
    bare.ok("import", "-", "kept:1", input=small_tar(b="2"))
    out = bare.ok("image", "prune", "-f")
    assert "Deleted Images:\n" in out
    assert "Total reclaimed space: " in out
    assert tags(bare) == {"kept:1"}
    bare.ok("image", "prune", "-a", "-f")
    assert tags(bare) == set()


def test_system_prune(bare) -> None:
    bare.ok("import", "-", input=small_tar(a="1"))
    assert "Total reclaimed space: " in bare.ok("system", "prune", "-f")
    assert bare.ok("images", "-q") == ""
    assert "Total reclaimed space: 0B" in bare.ok("prune", "-f")


def test_pull_shows_progress_on_stderr(bare, busybox_reference) -> None:
    name, tag = busybox_reference.rsplit(":", 1)
    done = bare("pull", busybox_reference)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{busybox_reference}\n"
    assert f"{tag}: Pulling from {name}\n" in done.stderr
    assert re.search(r"^[0-9a-f]{12}: Pull complete$", done.stderr, re.M)
    assert re.search(r"^Digest: sha256:[0-9a-f]{64}$", done.stderr, re.M)
    assert f"Status: Downloaded newer image for {busybox_reference}\n" in done.stderr
    assert "\x1b" not in done.stderr
    again = bare("pull", busybox_reference)
    assert f"Status: Image is up to date for {busybox_reference}\n" in again.stderr
    assert bare("pull", "-q", busybox_reference).stderr == ""


def test_run_pulls_what_is_not_there(bare, busybox_reference) -> None:
    done = bare("run", "--rm", busybox_reference, "echo", "pulled")
    assert (done.returncode, done.stdout) == (0, "pulled\n"), done.stderr
    assert done.stderr.startswith(f"Unable to find image '{busybox_reference}' locally\n")
    assert bare("run", "--rm", busybox_reference, "true").stderr == ""


def test_pull_of_the_unknown(bare, registry) -> None:
    done = bare("pull", f"{registry.address}/nosuch:1")
    assert done.returncode == 1
    assert "error[CT0201]" in done.stderr
    done = bare("pull", "127.0.0.1:1/nosuch")
    assert done.returncode == 1
    assert "error[CT0203]" in done.stderr
    assert bare("pull", "UPPER/case").returncode == 1
