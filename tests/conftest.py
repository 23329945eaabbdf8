"""What all tests share: the process that each runs in; and in CI a skipped test is a failed one."""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give what starts stacks to one process and all else to another, where `make test` runs two side by side.

    A stack mostly waits, and the other tests mostly compute. In each process the order is that of one alone.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group("stack" if item.get_closest_marker("stack") else "rest"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing may be: {report.longrepr[2]}"
    return report
