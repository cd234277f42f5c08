"""pytest fixtures: the real images, and a registry that has them. ``pytest_plugins = ["support.registry"]``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import images, local_registry


def _need(*tools: str) -> None:
    missing = images.missing_tools(*tools)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: sh tests/support/apt_install.sh $(cat tests/support/packages.txt)")


@pytest.fixture(scope="session")
def busybox_image() -> images.Image:
    """An OCI layout of busybox, tag latest."""
    _need(*images.required_tools("busybox"))
    return images.image("busybox")


@pytest.fixture(scope="session")
def debian_image() -> images.Image:
    """An OCI layout of a minbase Debian, tag bookworm. Half a minute when it must be made."""
    _need(*images.required_tools("debian"))
    if os.geteuid() != 0:
        pytest.skip("mmdebstrap makes device nodes and owners: needs root")
    return images.image("debian")


@pytest.fixture(scope="session")
def registry() -> Iterator[local_registry.LocalRegistry]:
    """An empty docker-registry on a loopback port; one for the whole session, so give repositories names of their own."""
    _need(*local_registry.TOOLS)
    with local_registry.LocalRegistry() as running:
        yield running


@pytest.fixture(scope="session")
def busybox_reference(registry: local_registry.LocalRegistry, busybox_image: images.Image) -> str:
    """127.0.0.1:PORT/busybox:latest, pushed by skopeo."""
    return registry.push(busybox_image)


@pytest.fixture(scope="session")
def debian_reference(registry: local_registry.LocalRegistry, debian_image: images.Image) -> str:
    """127.0.0.1:PORT/debian:bookworm, pushed by skopeo."""
    return registry.push(debian_image)
