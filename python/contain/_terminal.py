"""An interactive command on this process's own terminal."""

from __future__ import annotations

import os
import selectors
import sys
import termios
import tty
from typing import TYPE_CHECKING

from .errors import Unsupported

if TYPE_CHECKING:
    from .container import Container

# Signals are the host's: a change of size is noticed by looking rather than by SIGWINCH.
_LOOK_EVERY = 0.25


def interact(container: Container, cmd: tuple[str, ...]) -> int:
    """Run ``cmd`` with this terminal in raw mode until it ends."""
    try:
        keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
        terminal = os.isatty(keyboard) and os.isatty(screen)
    except (OSError, ValueError):  # replaced by something without a descriptor
        terminal = False
    if not terminal:
        raise Unsupported(
            "open a shell: stdin and stdout are no terminal",
            code="CT0101",
            op="open a shell",
            subject=container.name,
            hint=f"in a terminal: contain exec -it {container.name} {' '.join(cmd)}",
        )
    before = termios.tcgetattr(keyboard)
    size = os.get_terminal_size(screen)
    with container.popen(*cmd, tty=True, size=(size.lines, size.columns)) as process:
        assert process.stdin is not None
        try:
            tty.setraw(keyboard, termios.TCSADRAIN)  # what was typed ahead is for the command
            with selectors.DefaultSelector() as ready:
                ready.register(keyboard, selectors.EVENT_READ)
                ready.register(process.stdout, selectors.EVENT_READ)
                while True:
                    for key, _ in ready.select(_LOOK_EVERY):
                        if key.fd == keyboard:
                            if typed := os.read(keyboard, 4096):
                                process.stdin.write(typed)
                            else:
                                ready.unregister(keyboard)
                        elif shown := process.stdout.read1(65536):
                            os.write(screen, shown)
                        else:
                            return process.wait()
                    if (now := os.get_terminal_size(screen)) != size:
                        size = now
                        process.resize(size.lines, size.columns)
        finally:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
