"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import contain
import pytest


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(contain.__path__)) + [""])
def test_examples(name: str, busybox: contain.Image) -> None:
    module = importlib.import_module(f"contain.{name}" if name else "contain")
    result = doctest.testmod(module)
    assert result.failed == 0
