#!/usr/bin/env python3
"""A real registry for tests: Debian's docker-registry on a loopback port of its own choice.

As a context manager::

    with LocalRegistry() as registry:
        reference = registry.push(images.image("busybox"))   # 127.0.0.1:PORT/busybox:latest

From a shell, for the life of one command (its address is in ``CONTAIN_TEST_REGISTRY``)::

    python3 tests/support/local_registry.py run busybox debian -- sh -c 'contain pull $CONTAIN_TEST_REGISTRY/busybox'

or until stopped::

    python3 tests/support/local_registry.py start PIDFILE busybox    # prints 127.0.0.1:PORT
    python3 tests/support/local_registry.py stop PIDFILE
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

if __package__ in (None, ""):
    import images
else:
    from . import images

TOOLS = ("docker-registry", "skopeo")
_LISTENING = re.compile(r'msg="listening on ([^",]+)')


class LocalRegistry:
    """Starts on entry, ends on exit; keeps nothing.

    Args:
        htpasswd: a file in htpasswd form; Basic authentication is asked for then.
        certificate: PEM certificate and key; TLS then.
    """

    def __init__(self, *, htpasswd: pathlib.Path | None = None,
                 certificate: tuple[pathlib.Path, pathlib.Path] | None = None) -> None:
        self._htpasswd = htpasswd
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: pathlib.Path | None = None
        self.address = ""

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> LocalRegistry:
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="contain-registry-"))
        config = self._directory / "config.yml"
        config.write_text(self._config())
        log = self._directory / "log"
        # Port 0: the kernel picks a free one and the registry says which, so two tests never race for a number.
        with log.open("wb") as output:
            self._process = subprocess.Popen(["docker-registry", "serve", config], stdin=subprocess.DEVNULL,
                                             stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = _LISTENING.search(log.read_text(errors="replace"))
            if found:
                self.address = found[1]
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        text = log.read_text(errors="replace")
        self.stop()
        raise RuntimeError(f"docker-registry did not start:\n{text}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def push(self, image: images.Image, repository: str | None = None, tag: str | None = None,
             credentials: str | None = None, manifest: str = "oci") -> str:
        """Copies ``image`` into the registry by skopeo and returns its reference there.

        Args:
            credentials: user:password.
            manifest: "oci", or "v2s2" for docker's own schema 2.
        """
        reference = f"{self.address}/{repository or image.name}:{tag or image.tag}"
        login = ["--dest-creds", credentials] if credentials else []
        done = subprocess.run(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "--format", manifest,
                               *login, image.source,
                               f"docker://{reference}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"skopeo failed with {done.returncode}:\n{done.stderr}")
        return reference

    def __enter__(self) -> LocalRegistry:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _config(self) -> str:
        text = (f"version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {self._directory}/data\n"
                "  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:0\n")
        if self._certificate:
            text += f"  tls:\n    certificate: {self._certificate[0]}\n    key: {self._certificate[1]}\n"
        if self._htpasswd:
            text += f"auth:\n  htpasswd:\n    realm: tests\n    path: {self._htpasswd}\n"
        return text


def _main(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else ""
    if verb == "run" and "--" in arguments:
        split = arguments.index("--")
        with LocalRegistry() as registry:
            for name in arguments[1:split]:
                registry.push(images.image(name))
            return subprocess.run(arguments[split + 1:], env={**os.environ, "CONTAIN_TEST_REGISTRY": registry.address},
                                  check=False).returncode
    if verb == "start" and len(arguments) >= 2:
        registry = LocalRegistry().start()
        for name in arguments[2:]:
            registry.push(images.image(name))
        pathlib.Path(arguments[1]).write_text(f"{registry.pid} {registry._directory}\n")
        print(registry.address)
        return 0
    if verb == "stop" and len(arguments) == 2:
        pid_file = pathlib.Path(arguments[1])
        pid, directory = pid_file.read_text().split()
        os.kill(int(pid), signal.SIGTERM)
        shutil.rmtree(directory, ignore_errors=True)
        pid_file.unlink()
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
