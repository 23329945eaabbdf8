"""Python imports this by itself, as its folder is on the path of the stack's processes (see `named_points`)."""

import importlib.util
import os
import sys
from importlib.machinery import PathFinder

import named_points

here = os.path.dirname(__file__)  # noqa: PTH120 - each process of the stack runs this: it imports little
if shadowed := PathFinder.find_spec("sitecustomize", [path for path in sys.path if path != here]):
    shadowed.loader.exec_module(importlib.util.module_from_spec(shadowed))
named_points.install()
