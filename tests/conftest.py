"""What all Python tests share: the package tests/support, and its fixtures."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

pytest_plugins = ["support.registry"]
