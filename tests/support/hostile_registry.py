"""A registry that lies, breaks off and leads astray, one repository a misdeed, and a log of every header it was sent.

The repositories, all with tag ``latest``:

    good            nothing wrong
    wrong-digest    a layer whose bytes are others than its digest says
    wrong-diff-id   a layer that unpacks to something else than the config says
    wrong-config    a config whose bytes are others than its digest says
    truncated       every answer for the layer ends after 1000 bytes; ranges are not known
    resumable       the same, but ranges are known
    slow            the layer's first 1000 bytes, then silence
    redirect        layers are elsewhere, on a second server that only wants to see headers
    redirect-auth   the second server asks for Basic credentials
    confused        a manifest that is an index too
    mislabelled     an index that calls its manifest a Docker one
    schema1         a manifest of schema 1
    foreign         a layer with urls
    artifact        no image
    huge            a manifest of 5 MiB
    escaping        a layer with ../ in a name
    token           a challenge whose token service is on another host in the clear
    secret          Basic authentication, user:secret, then good
"""

from __future__ import annotations

import gzip
import http.server
import json
import threading
import time
from typing import Any

if __package__ in (None, ""):
    import oci_content as oci
else:
    from . import oci_content as oci

BIG_LAYER = {"data": bytes(range(256)) * 16, "more": bytes(i * i * i >> 3 & 255 for i in range(40_000))}


def _with_layer(content: oci.Content, **changes: Any) -> dict[str, Any]:
    """The good image's manifest with members of its layer replaced."""
    document = json.loads(content.manifests["latest"][1])
    document["layers"][0].update(changes)
    return document


class HostileRegistry:
    """Serves on loopback between entry and exit. ``log()`` gives what was asked, of both servers."""

    def __init__(self) -> None:
        self._log: list[dict[str, Any]] = []
        self._stopping = threading.Event()
        self._repositories = self._make()
        self._trap = self._server(self._trap_answer)
        self._main = self._server(self._main_answer)
        self.address = f"127.0.0.1:{self._main.server_address[1]}"
        self.trap_address = f"127.0.0.1:{self._trap.server_address[1]}"

    def log(self) -> list[dict[str, Any]]:
        return list(self._log)

    def __enter__(self) -> HostileRegistry:
        for server in (self._trap, self._main):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for server in (self._trap, self._main):
            server.shutdown()
            server.server_close()

    # --- what it has

    @staticmethod
    def _good(name: str, layer: dict[str, bytes] | None = None) -> oci.Content:
        """An image of one layer, which no other repository has."""
        content = oci.Content()
        content.image([layer or {**BIG_LAYER, "name": name.encode()}], tag="latest")
        return content

    def _make(self) -> dict[str, oci.Content]:
        out = {name: self._good(name) for name in
               ("good", "truncated", "resumable", "slow", "redirect", "redirect-auth", "token", "secret")}
        bad = out["wrong-digest"] = self._good("wrong-digest")
        layer = json.loads(bad.manifests["latest"][1])["layers"][0]["digest"]
        changed = bytearray(bad.blobs[layer])
        changed[-1] ^= 1
        bad.blobs[layer] = bytes(changed)

        bad = out["wrong-diff-id"] = self._good("wrong-diff-id")
        other = gzip.compress(oci.layer_tar({"other": b"x"}), mtime=0)
        bad.blob(other)
        bad.manifest(oci.MANIFEST, _with_layer(bad, digest=oci.digest_of(other), size=len(other)), "latest")

        bad = out["wrong-config"] = self._good("wrong-config")
        config = json.loads(bad.manifests["latest"][1])["config"]["digest"]
        bad.blobs[config] = bad.blobs[config].replace(b"true", b"fals")

        bad = out["confused"] = self._good("confused")
        document = json.loads(bad.manifests["latest"][1])
        bad.manifest(oci.MANIFEST, {**document, "manifests": []}, "latest")

        bad = out["mislabelled"] = self._good("mislabelled")
        media_type, data = bad.manifests["latest"]
        docker = "application/vnd.docker.distribution.manifest.v2+json"
        bad.index([oci.descriptor(docker, data, platform={"os": "linux", "architecture": "amd64"})], "latest")

        bad = out["schema1"] = oci.Content()
        bad.manifest("application/vnd.docker.distribution.manifest.v1+prettyjws",
                     {"schemaVersion": 1, "name": "schema1", "fsLayers": [], "history": []}, "latest")

        bad = out["foreign"] = self._good("foreign")
        bad.manifest(oci.MANIFEST, _with_layer(bad, urls=["http://127.0.0.1:1/layer"]), "latest")

        bad = out["artifact"] = self._good("artifact")
        document = json.loads(bad.manifests["latest"][1])
        document["config"]["mediaType"] = "application/vnd.example.thing"
        bad.manifest(oci.MANIFEST, document, "latest")

        bad = out["huge"] = oci.Content()
        bad.manifest(oci.MANIFEST, b'{"schemaVersion":2,"x":"' + b"x" * (5 << 20) + b'"}', "latest")

        out["escaping"] = self._good("escaping", {"../escaped": b"x"})
        return out

    # --- how it answers

    def _server(self, answer: Any) -> http.server.ThreadingHTTPServer:
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry._log.append({"to": f"127.0.0.1:{self.server.server_address[1]}", "path": self.path,
                                      "headers": {k.lower(): v for k, v in self.headers.items()}})
                answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that goes away is what some tests want."""

        return Server(("127.0.0.1", 0), Handler)

    @staticmethod
    def _send(to: Any, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        to.send_response(status)
        for name, value in headers.items():
            to.send_header(name.replace("_", "-"), value)
        to.send_header("Content-Length", str(len(body) if length is None else length))
        to.end_headers()
        to.wfile.write(body)

    def _error(self, to: Any, status: int, code: str, **headers: str) -> None:
        self._send(to, status, oci.to_json({"errors": [{"code": code, "message": code.lower()}]}), **headers)

    def _trap_answer(self, to: Any) -> None:
        if to.path.startswith("/challenge"):
            self._error(to, 401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="give me"')
            return
        data = next((c.blobs[to.path[1:]] for c in self._repositories.values() if to.path[1:] in c.blobs), None)
        self._send(to, 404 if data is None else 200, data or b"")

    def _main_answer(self, to: Any) -> None:
        if to.path == "/v2/":
            self._send(to, 200, b"{}")
            return
        _, _, name, kind, key = (to.path.split("/") + [""] * 5)[:5]
        content = self._repositories.get(name)
        if content is None:
            self._error(to, 404, "NAME_UNKNOWN")
        elif name == "token":
            self._error(to, 401, "UNAUTHORIZED", WWW_Authenticate='Bearer realm="http://192.0.2.77/token",service="x"')
        elif name == "secret" and to.headers.get("Authorization") != "Basic dXNlcjpzZWNyZXQ=":
            self._error(to, 401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="tests"')
        elif kind == "manifests" and key in content.manifests:
            media_type, data = content.manifests[key]
            self._send(to, 200, data, Content_Type=media_type)
        elif kind == "blobs" and key in content.blobs:
            self._blob(to, name, key, content.blobs[key])
        else:
            self._error(to, 404, "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN")

    def _blob(self, to: Any, name: str, digest: str, data: bytes) -> None:
        if data.startswith(b"{"):  # configs always arrive
            self._send(to, 200, data)
            return
        if name in ("redirect", "redirect-auth"):
            path = digest if name == "redirect" else "challenge"
            self._send(to, 307, Location=f"http://{self.trap_address}/{path}")
        elif name in ("truncated", "slow"):
            self._send(to, 200, data[:1000], length=len(data))
            if name == "slow":
                to.wfile.flush()
                self._stopping.wait(60)
            to.close_connection = True
        elif name == "resumable":
            start = int(to.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
            piece = data[start:start + 1000]
            range_headers = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
            self._send(to, 206 if start else 200, piece, length=len(data) - start, **range_headers)
            to.close_connection = True
        else:
            self._send(to, 200, data)


if __name__ == "__main__":
    with HostileRegistry() as registry:
        print(registry.address, flush=True)
        while True:
            time.sleep(3600)
