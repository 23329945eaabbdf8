"""Properties that are looked at shortly in `make test-fast`, and for long in `make test`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

# For tests with the argument `examples`: a look in the fast run, the long fuzz among the slow tests.
shortly_and_for_long = pytest.mark.parametrize(
    "examples", [pytest.param(60, id="short"), pytest.param(1500, id="long", marks=pytest.mark.slow)]
)


def holds(
    examples: int, check: Callable[..., None], *strategies: st.SearchStrategy[Any], always: tuple[Any, ...] = ()
) -> None:
    """Look whether a check passes, whatever the strategies bring.

    Parameters
    ----------
    examples : int
        How many are tried.
    check : callable
        Takes an example of each strategy.
    strategies : SearchStrategy
        What is tried.
    always : tuple
        Examples of a single strategy that are tried each time.
    """
    tried = given(*strategies)(check)
    for value in always:
        tried = example(value)(tried)
    quiet = [HealthCheck.too_slow, HealthCheck.nested_given]
    settings(max_examples=examples, deadline=None, suppress_health_check=quiet)(tried)()
