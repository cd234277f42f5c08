#!/usr/bin/env python3
"""Every kind of registry that a pull meets, for one test program: prints one line of JSON that says where they are, ends
when its standard input does, and answers the line ``log`` with the hostile registry's log.

    {"plain": "127.0.0.1:1", "basic": …, "token": …, "tls": …, "hostile": …, "trap": …, "ca": "/…/ca.crt", "open": …}

``plain``, ``basic``, ``token``, ``tls`` and ``open`` are Debian's docker-registry; ``open`` listens on an address that is
not loopback, and is empty where there is none. Each has, pushed by skopeo, ``app:latest`` (three layers), ``app:v2`` (the
last layer differs) and ``multi:latest`` (an index of linux/amd64, linux/arm64 and linux/arm/v7).
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support import hostile_registry, local_registry, oci_content, token_issuer  # noqa: E402

USER, PASSWORD = "tester", "pass:word"
PASSWORD_HASH = "$2y$04$ZkeiQZn7qbtZURcE3ryDpOZdawBgKO7uC4rcv3j2lVRbQkkkyhT2y"  # bcrypt of it, at the least cost
REFRESH_TOKEN = "refresh-me"


class FarmRegistry(local_registry.LocalRegistry):
    """A docker-registry with an ``auth`` section or an address of its own."""

    def __init__(self, *, auth: str = "", listen: str = "127.0.0.1", **more: object) -> None:
        super().__init__(**more)
        self._auth = auth
        self._listen = listen

    def _config(self) -> str:
        return super()._config().replace("127.0.0.1:0", f"{self._listen}:0") + self._auth


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_certificates(where: pathlib.Path) -> tuple[pathlib.Path, tuple[pathlib.Path, pathlib.Path]]:
    """A CA of our own, and a certificate and key for 127.0.0.1 and localhost that it signed."""
    ca, key = where / "ca.crt", where / "server.key"
    request, certificate, names = where / "server.csr", where / "server.crt", where / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=contain test CA", "-keyout",
             where / "ca.key", "-out", ca)
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", where / "ca.key", "-CAcreateserial", "-days", "2",
             "-extfile", names, "-out", certificate)
    return ca, (certificate, key)


def make_images(where: pathlib.Path) -> dict[str, str]:
    """Layouts as skopeo names them, by the name they get in the registry."""
    base = {"etc/os-release": b"ID=test\n", "bin/data": bytes(range(250)) * 1200}
    app, second = oci_content.Content(), oci_content.Content()
    app.image([base, {"app/one": b"1"}, {"app/two": b"2"}], tag="latest", command=["/app/two"])
    second.image([base, {"app/one": b"1"}, {"app/two": b"two"}], tag="v2", command=["/app/two"])
    multi = oci_content.Content()
    multi.index([multi.image([{"arch": name.encode()}], architecture=name, variant=variant)
                 for name, variant in (("amd64", ""), ("arm64", "v8"), ("arm", "v7"))], "latest")
    return {"app:latest": app.write_layout(where / "app", "latest"), "app:v2": second.write_layout(where / "app2", "v2"),
            "multi:latest": multi.write_layout(where / "multi", "latest")}


def push(images: dict[str, str], address: str, credentials: str = "") -> None:
    login = ["--dest-creds", credentials] if credentials else []
    for name, source in images.items():
        subprocess.run(["skopeo", "--insecure-policy", "copy", "--all", "--quiet", "--dest-tls-verify=false", *login, source,
                        f"docker://{address}/{name}"], check=True, stdout=subprocess.DEVNULL)


def outside_address() -> str:
    """An IPv4 address of this machine that is not loopback; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address = probe.getsockname()[0]
    return "" if address.startswith("127.") else address


def main() -> int:
    with contextlib.ExitStack() as stack:
        where = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="contain-farm-")))
        ca, certificate = make_certificates(where)
        htpasswd = where / "htpasswd"
        htpasswd.write_text(f"{USER}:{PASSWORD_HASH}\n")
        issuer = stack.enter_context(token_issuer.TokenIssuer(where, {USER: PASSWORD}, (REFRESH_TOKEN,)))
        registries = {"plain": FarmRegistry(), "basic": FarmRegistry(htpasswd=htpasswd),
                      "token": FarmRegistry(auth=issuer.config()), "tls": FarmRegistry(certificate=certificate)}
        if outside := outside_address():
            registries["open"] = FarmRegistry(listen=outside)
        for registry in registries.values():
            stack.enter_context(registry)
        hostile = stack.enter_context(hostile_registry.HostileRegistry())
        images = make_images(where)
        for name in ("plain", "basic", "token", "tls"):
            push(images, registries[name].address, f"{USER}:{PASSWORD}" if name in ("basic", "token") else "")
        print(json.dumps({"open": "", **{name: r.address for name, r in registries.items()}, "hostile": hostile.address,
                          "trap": hostile.trap_address, "ca": str(ca), "user": USER, "password": PASSWORD,
                          "refresh_token": REFRESH_TOKEN}), flush=True)
        for line in sys.stdin:
            if line.strip() == "log":
                print(json.dumps(hostile.log()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
