"""After os.fork() the child's handles are inert: whatever it does, the parent's containers live on."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable

import contain
import pytest


def in_child(act: Callable[[], object]) -> int:
    """The exit code of a forked child that runs ``act``: 0 unless it raises."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_child_cannot_use_the_parents_handles(box: contain.Container) -> None:
    def use() -> None:
        calls: list[Callable[[], object]] = [lambda: box.info, box.kill, box.wait, lambda: box.exec("true"), box.close]
        for call in calls:
            with pytest.raises(contain.InvalidArgument, match="fork"):
                call()

    assert in_child(use) == 0
    assert box.state is contain.State.RUNNING


def test_childs_garbage_does_not_end_what_the_parent_has(busybox: contain.Image) -> None:
    held: list[object] = []
    c = contain.Container(busybox, "sleep", "1000").start()
    process = c.popen("cat")
    held += [c, process, c.logs(follow=True)]
    del c, process

    def drop() -> None:
        warnings.simplefilter("ignore")
        held.clear()
        gc.collect()

    assert in_child(drop) == 0
    c, process, stream = held  # type: ignore[assignment]
    assert c.state is contain.State.RUNNING
    assert process.poll() is None
    stream.close()  # type: ignore[attr-defined]
    process.close()
    c.close()


def test_child_has_a_default_engine_of_its_own(box: contain.Container) -> None:
    def use() -> None:
        same = contain.Container.open(box.id)
        assert same.exec("echo", "from the child").text == "from the child\n"
        contain.run("hello-world")
        contain.default_engine().close()

    assert in_child(use) == 0
    assert box.exec("echo", "from the parent").text == "from the parent\n"


def test_interpreters_end_in_a_child_does_not_end_the_parents(box: contain.Container) -> None:
    pid = os.fork()
    if pid == 0:
        sys.stdin = sys.stdout = sys.stderr = open(os.devnull, "r+")  # noqa: SIM115
        os.execv(sys.executable, [sys.executable, "-c", "import contain; contain.default_engine()"])
    os.waitpid(pid, 0)
    assert box.state is contain.State.RUNNING


def _count(pickled: bytes) -> int:
    return int(pickle.loads(pickled).exec("echo", "6").stdout) * 7


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_handles_travel_to_worker_processes(box: contain.Container, method: str) -> None:
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(_count, [pickle.dumps(box)] * 4) == [42] * 4
    assert box.state is contain.State.RUNNING
