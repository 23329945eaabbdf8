"""What all tests share: the process that each runs in; and in CI a skipped test is a failed one."""

import os

import pytest
from hypothesis import settings

# By default an example that takes longer than 200 ms is a failure: on a machine that does something else, by chance.
settings.register_profile("dropforge", settings(), deadline=None)
settings.load_profile("dropforge")

# What starts stacks mostly waits; all else mostly computes.
STACKS = ("tests/demo/", "tests/stack/", "tests/docs/test_with_a_stack.py", "tests/test_tutorial.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process a file at a time; what starts stacks comes last, to one process: it would starve beside others.

    The files are named here, as xdist's own groups need a node's id that pytest 9 no longer lets them change.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "stacks" if nodeid.startswith(STACKS) else nodeid.partition("::")[0]

        def _assign_work_unit(self, node):
            if len(self.workqueue) > 1 and next(iter(self.workqueue)) == "stacks":
                self.workqueue.move_to_end("stacks")
            super()._assign_work_unit(node)

    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """See that what starts stacks is where it is looked for."""
    strays = {item.nodeid for item in items if item.get_closest_marker("stack") and not item.nodeid.startswith(STACKS)}
    assert not strays, f"tests/conftest.py, STACKS, lacks {sorted(strays)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing may be: {report.longrepr[2]}"
    return report
