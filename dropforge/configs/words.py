"""The words of all dialects: one table. Each row begins with the word of the plain form."""

from __future__ import annotations

import re

# A text under one of these is a class, whatever else there is.
EXPLICIT = ("class", "class_path", "class_name", "_target_", "cls", "model_class", "estimator_class",
            "classifier_class")  # fmt: skip
# These hold a class, or the whole model as a mapping, ...
HOLDERS = ("model", "estimator", "classifier", "classificator", "algorithm")
# ... a class or what people call the model, ...
NAMES = ("name", "model_name", "classifier_name", "estimator_name")
# ... or a class only.
OTHERS = ("model_type", "type")
# The module of a class that is split in two; a package comes before the module in it.
MODULES = ("package", "library", "source", "module", "model_module")
PARAMS = (
    "params", "parameters", "kwargs", "args", "hyperparameters", "hyper_parameters", "hyperparams", "hyper_params",
    "model_params", "model_parameters", "model_kwargs", "estimator_params", "classifier_params", "init_args",
    "arguments",
)  # fmt: skip
# Several models.
LISTS = ("models", "configs", "classifiers", "estimators")
FORCE, GRID, SETS = "force", "grid", "param_sets"

# In the order in which a mistake is explained: the clearest word first.
CLASSES = (*EXPLICIT, *HOLDERS, *OTHERS, *reversed(NAMES))
PLAIN = ("class", "params", "name", FORCE, GRID, SETS)
KNOWN = frozenset((*CLASSES, *MODULES, *PARAMS, *LISTS, FORCE, GRID, SETS))

# What people write beside a model that asks for something else.
HINTS = {
    "param_grid": "For a candidate of each combination write 'grid'; for one that searches name GridSearchCV.",
    "param_distributions": "For several candidates write 'grid'; for one that searches name RandomizedSearchCV.",
    "pipeline": "Write 'class: Pipeline', and its 'steps' under 'params'.",
    "steps": "Only a Pipeline has steps: write 'class: Pipeline' beside them.",
    "random_seed": "It is called 'random_state' in scikit-learn.",
    "seed": "It is called 'random_state' in scikit-learn.",
}

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def word(key: str) -> str:
    """Return a key as the table has it: ``className``, ``Class-Name`` and ``class name`` are ``class_name``."""
    return _HUMP.sub("_", key).lower().replace("-", "_").replace(" ", "_")
