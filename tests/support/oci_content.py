"""Small images made in memory, byte for byte the same each time, for registries in tests and for skopeo to push."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import tarfile
from dataclasses import dataclass, field
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def to_json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def layer_tar(files: dict[str, bytes]) -> bytes:
    """A tar of regular files, name → content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o644
            member.mtime = 1_700_000_000
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


@dataclass
class Content:
    """Documents and blobs by digest, and what the tags name."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # digest or tag → (media type, bytes)

    def blob(self, data: bytes) -> str:
        digest = digest_of(data)
        self.blobs[digest] = data
        return digest

    def manifest(self, media_type: str, document: Any, tag: str | None = None) -> dict[str, Any]:
        """Adds a document and returns its descriptor."""
        data = document if isinstance(document, bytes) else to_json(document)
        self.manifests[digest_of(data)] = (media_type, data)
        if tag:
            self.manifests[tag] = (media_type, data)
        return descriptor(media_type, data)

    def image(self, layers: list[dict[str, bytes]], *, architecture: str = "amd64", variant: str = "",
              tag: str | None = None, command: list[str] | None = None) -> dict[str, Any]:
        """Adds an image of gzip layers and returns its manifest's descriptor, with the platform."""
        tars = [layer_tar(files) for files in layers]
        packed = [gzip.compress(tar, 6, mtime=0) for tar in tars]
        config: dict[str, Any] = {
            "architecture": architecture, "os": "linux", "config": {"Cmd": command or ["true"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
            "history": [{"created_by": f"layer {i}"} for i in range(len(tars))],
        }
        if variant:
            config["variant"] = variant
        config_bytes = to_json(config)
        self.blob(config_bytes)
        for data in packed:
            self.blob(data)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config_bytes),
                    "layers": [descriptor(LAYER, data) for data in packed]}
        platform = {"architecture": architecture, "os": "linux", **({"variant": variant} if variant else {})}
        return {**self.manifest(MANIFEST, document, tag), "platform": platform}

    def index(self, entries: list[dict[str, Any]], tag: str | None = None) -> dict[str, Any]:
        return self.manifest(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, tag)

    def write_layout(self, target: pathlib.Path, tag: str) -> str:
        """Writes an OCI layout whose one entry is ``tag``; returns the name that skopeo knows it by."""
        blobs = target / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for digest, data in self.blobs.items():
            (blobs / digest.partition(":")[2]).write_bytes(data)
        for key, (_, data) in self.manifests.items():
            if key.startswith("sha256:"):
                (blobs / key.partition(":")[2]).write_bytes(data)
        media_type, data = self.manifests[tag]
        entry = descriptor(media_type, data, annotations={"org.opencontainers.image.ref.name": tag})
        (target / "index.json").write_bytes(to_json({"schemaVersion": 2, "manifests": [entry]}))
        (target / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        return f"oci:{target}:{tag}"
