"""The first session of a docker user, word for word."""

from __future__ import annotations

import re


def test_the_demo_works_with_contain_for_docker(bare) -> None:
    assert bare.ok("--version").startswith("contain version ")

    assert "hello" in bare.ok("run", "hello-world").lower()

    images = bare.ok("image", "ls").splitlines()
    assert images[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert re.match(r"hello-world +latest +[0-9a-f]{12} +\S.*(ago|N/A) +\d", images[1])

    containers = bare.ok("container", "ls", "-a").splitlines()
    assert containers[0].split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert re.match(r'[0-9a-f]{12} +hello-world +".*" +\S.* ago +Exited \(0\) \S.* ago +[a-z]+_[a-z]+$', containers[1])


def test_run_it_gives_a_shell(terminal) -> None:
    screen = terminal("run", "-it", "busybox")
    screen.expect(b"# ")
    screen.type(b"echo $((6 * 7)) && exit 3\r")
    screen.expect(b"42\r\n")
    assert screen.end() == 3
