"""Image: values by digest; in from directories, tars and archives, out to archives."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import tarfile
from datetime import datetime
from pathlib import Path

import contain
import pytest


def small_tar(name: str = "file", content: bytes = b"content") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def small() -> contain.Image:
    return contain.Image.from_tar(io.BytesIO(small_tar()), tag="small:1", message="made here", changes=["LABEL a=b"])


def test_default_image() -> None:
    image = contain.Image.default()
    assert image.id.startswith("sha256:")
    assert "hello-world:latest" in image.tags
    assert image == contain.Image.open("hello-world") == contain.Image.ensure("hello-world")


def test_from_tar(small: contain.Image) -> None:
    info = small.info
    assert info.tags == ("small:1",)
    assert info.labels == {"a": "b"}
    assert info.os == "linux" and info.architecture
    assert isinstance(small.created, datetime) and small.created.tzinfo is not None
    assert small.size >= len(b"content")
    assert len(small.layers) == 1
    assert small.config["config"]["Labels"] == {"a": "b"}
    assert small.history[0].comment == "made here" and small.history[0].image_id == small.id
    assert small.inspect()["Id"] == small.id
    assert any(one.id == small.id for one in contain.images())


def test_from_a_path_a_file_and_a_compressed_stream_are_the_same(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "rootfs.tar"
    path.write_bytes(small_tar())
    packed = tmp_path / "rootfs.tar.gz"
    packed.write_bytes(gzip.compress(small_tar()))
    with path.open("rb") as file, gzip.open(packed) as stream:
        layers = [contain.Image.from_tar(source).layers for source in (path, file, packed, stream, io.BytesIO(small_tar()))]
    assert all(one == layers[0] for one in layers)


def test_from_rootfs_leaves_the_directory_alone(rootfs_tar: bytes, tmp_path: Path) -> None:
    root = tmp_path / "rootfs"
    root.mkdir()
    subprocess.run(["tar", "-x", "-C", root], input=rootfs_tar, check=True)
    image = contain.Image.from_rootfs(root, tag="dir:1")
    (root / "etc/passwd").unlink()
    assert contain.run(image, "/bin/head", "-n1", "/etc/passwd").text.startswith("root:")
    image.remove(force=True)


def test_tag_and_untag(small: contain.Image) -> None:
    small.tag("other/name:2")
    assert set(small.tags) == {"small:1", "other/name:2"}
    assert contain.Image.open("other/name:2") == small
    assert small.untag("other/name:2").untagged == ("other/name:2",)
    with pytest.raises(contain.ImageNotFound):
        contain.Image.open("other/name:2")


def test_remove(small: contain.Image) -> None:
    removed = small.remove(force=True)
    assert removed.untagged == ("small:1",)
    assert small.id in removed.deleted
    with pytest.raises(contain.ImageNotFound):
        small.info  # noqa: B018


def test_image_in_use(small: contain.Image) -> None:
    with contain.Container("hello-world") as c:
        with pytest.raises(contain.ImageInUse):
            contain.Image.open("hello-world").remove()
        c.wait()


@pytest.mark.parametrize("format", ["docker", "oci"])
def test_save_and_load(small: contain.Image, tmp_path: Path, format: str) -> None:
    path = tmp_path / "archive.tar"
    small.save(path, format=format)  # type: ignore[arg-type]
    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert ("manifest.json" in names) if format == "docker" else ("oci-layout" in names)
    small.remove(force=True)
    (loaded,) = contain.Image.load(path)
    assert loaded.id == small.id
    assert loaded.tags == ("small:1",)
    out = io.BytesIO()
    loaded.save(out, format=format)  # type: ignore[arg-type]
    loaded.remove(force=True)
    out.seek(0)
    assert [image.id for image in contain.Image.load(out)] == [small.id]


def test_save_several_to_one_archive(small: contain.Image, tmp_path: Path) -> None:
    path = tmp_path / "two.tar"
    contain.default_engine().save([small, "hello-world"], path)
    with tarfile.open(path) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        assert len(json.load(manifest)) == 2


def test_failed_save_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(contain.ImageNotFound):
        contain.default_engine().save(["no/such:image"], tmp_path / "archive.tar")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated", "noise"])
def test_damaged_tar_keeps_nothing(damage: str) -> None:
    before = {image.id for image in contain.images()}
    data = small_tar(content=b"x" * 100000)[:50000] if damage == "truncated" else b"\x01noise" * 1000
    with pytest.raises(contain.CorruptImage):
        contain.Image.from_tar(io.BytesIO(data))
    assert {image.id for image in contain.images()} == before


def test_tar_that_escapes_is_refused() -> None:
    with pytest.raises(contain.CorruptImage):
        contain.Image.from_tar(io.BytesIO(small_tar("../outside")))


def test_bad_changes_are_refused() -> None:
    with pytest.raises(contain.InvalidArgument):
        contain.Image.from_tar(io.BytesIO(small_tar()), changes=["RUN echo no"])


def test_images_are_values(small: contain.Image) -> None:
    same = contain.Image.open(small.id)
    assert same == small and hash(same) == hash(small) and len({same, small}) == 1
    assert pickle.loads(pickle.dumps(small)) == small
    assert repr(small) == f"<Image {small.short_id}>"
    assert small != contain.Image.default()


def test_unknown_image() -> None:
    with pytest.raises(contain.ImageNotFound) as caught:
        contain.Image.open("sha256:" + "0" * 64)
    assert isinstance(caught.value, LookupError)


def test_pull_reports_progress_on_the_calling_thread(busybox_reference: str) -> None:
    import threading

    seen: list[contain.Progress] = []
    threads = set()

    def note(progress: contain.Progress) -> None:
        seen.append(progress)
        threads.add(threading.get_ident())

    image = contain.Image.pull(busybox_reference, progress=note)
    assert seen[-1].phase in ("done", "exists", "verified")
    assert threads == {threading.get_ident()}
    assert contain.run(image, "echo", "pulled").text == "pulled\n"
    image.remove(force=True)


def test_progress_that_raises_ends_the_pull(busybox_reference: str) -> None:
    def refuse(progress: contain.Progress) -> None:
        raise RuntimeError("enough")

    before = {image.id for image in contain.images()}
    with pytest.raises(RuntimeError, match="enough"):
        contain.Image.pull(busybox_reference, progress=refuse)
    assert {image.id for image in contain.images()} == before
