"""Ten points between claim and served at which a process of the stack can be held, without a hook in the product.

A point is before or after the call of a named function, which is wrapped once its module was imported. The file
``<point>.armed`` in the folder that the environment names stops the first process that comes by: it renames the file
to ``<point>.<its number>``, and goes on when that file is gone. Each process of the stack imports this module when it
starts, so it imports little itself.
"""

import functools
import importlib.abc
import os
import sys
import time

FOLDER = "NAMED_POINTS"  # the environment's variable

POINTS = {
    "claimed": ("after", "dropforge.folder.claims", "WatchFolder.claim"),
    "fitting": ("before", "dropforge.training.fit", "fit"),
    "opened": ("after", "mlflow.tracking.client", "MlflowClient.create_run"),
    "logged": ("before", "dropforge.registry.store", "Store.create_version"),
    "registered": ("after", "dropforge.registry.store", "Store.create_version"),
    "filed": ("before", "dropforge.folder.claims", "WatchFolder._forget"),
    "measured": ("after", "dropforge.promotion.validate", "measure"),
    "prepared": ("after", "dropforge.promotion.hosting", "Hosting.prepare"),
    "aliased": ("after", "dropforge.registry.store", "Store.set_alias"),
    "staged": ("after", "dropforge.registry.store", "Store.set_stage"),
}


def install():
    """Wrap the functions of the points when their modules are imported, if the environment asks for it."""
    if folder := os.environ.get(FOLDER):
        sys.meta_path.insert(0, _Finder(folder))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, name, path, target=None):
        points = {point: place for point, place in POINTS.items() if place[1] == name}
        if not points:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, others), None)
        if spec:
            execute = spec.loader.exec_module

            def execute_and_wrap(module):
                execute(module)
                for point, (when, _, function) in points.items():
                    _wrap(module, function, when, functools.partial(_come_by, self.folder, point))

            spec.loader.exec_module = execute_and_wrap
        return spec


def _wrap(module, function, when, come_by):
    *owners, name = function.split(".")
    owner = functools.reduce(getattr, owners, module)
    wrapped = getattr(owner, name)

    @functools.wraps(wrapped)
    def wrapper(*args, **kwargs):
        if when == "before":
            come_by()
        result = wrapped(*args, **kwargs)
        if when == "after":
            come_by()
        return result

    setattr(owner, name, wrapper)


def _come_by(folder, point):
    held = f"{folder}/{point}.{os.getpid()}"
    try:
        os.rename(f"{folder}/{point}.armed", held)  # noqa: PTH104
    except FileNotFoundError:
        return
    while os.path.exists(held):  # noqa: PTH110
        time.sleep(0.02)
