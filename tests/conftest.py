"""What all Python tests share: the package tests/support, and its fixtures."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

pytest_plugins = ["support.registry"]

# A run in the background of a shell without job control, or under nohup, inherits these as ignored, and so would every
# program that a test starts: a test of Ctrl-C would wait for ever.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
