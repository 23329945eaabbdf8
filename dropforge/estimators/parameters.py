"""A parameter of an estimator: its default, and what scikit-learn's own constraints admit of what a config can say."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

REQUIRED = inspect.Parameter.empty
_SHOWN = 120
_MOST = 30  # words in a message; more of them nobody reads

# The types that a config can spell; an instance of anything else it cannot.
_SPELT = {"str", "int", "float", "bool", "list", "tuple", "dict", "Mapping", "MutableMapping", "Integral", "Real"}
_NO_ESTIMATOR = (["cache"], ["split", "get_n_splits"])
_NOT_SPELT = {"_Callables", "_SparseMatrices", "_PandasNAConstraint"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a constructor.

    Parameters
    ----------
    name : str
        Its name.
    default : Any
        Its default; ``REQUIRED`` if there is none.
    rules : tuple, optional
        scikit-learn's constraints, of which a value must satisfy one; None where nothing is checked.
    """

    name: str
    default: Any
    rules: tuple[Any, ...] | None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    @property
    def set_by_scikit_learn(self) -> bool:
        """Whether the default is a word that stands for "not given" and is not for people to write."""
        return isinstance(self.default, str) and self.default in ("deprecated", "warn")

    def admits(self, value: Any) -> bool:
        """Whether a value that is no estimator satisfies one of the rules."""
        return self.rules is None or any(satisfies(rule, value) for rule in self.rules)

    def admits_class(self, cls: type) -> bool:
        """Whether an instance of a class would satisfy one of the rules; none is made to find out."""
        return self.rules is None or any(_admits_class(rule, cls) for rule in self.rules)

    @cached_property
    def may_be_object(self) -> bool:
        """Whether an estimator can stand here."""
        return any(hasattr(rule, "methods") or _of_estimators(rule) for rule in self.rules or ())

    @cached_property
    def may_be_callable(self) -> bool:
        """Whether scikit-learn takes a function here."""
        return any(type(rule).__name__ == "_Callables" for rule in self.rules or ())

    @cached_property
    def options(self) -> tuple[str, ...]:
        """The words that it takes, sorted."""
        rules = [rule for rule in _exposed(self.rules or ()) if type(rule).__name__ == "StrOptions"]
        return tuple(sorted({option for rule in rules for option in rule.options}))

    @cached_property
    def allowed(self) -> str:
        """What a config may say, in scikit-learn's words; empty where nothing is checked."""
        return self._worded()

    def _worded(self, most: int | None = None) -> str:
        if self.rules is None:
            return ""
        texts = list(dict.fromkeys(_worded(rule, most) for rule in _exposed(self.rules)))
        if not texts:
            return "a callable, which a config cannot hold"
        return f"{', '.join(texts[:-1])} or {texts[-1]}" if len(texts) > 1 else texts[0]

    def read(self, value: Any) -> Any:
        """Return the Python value that a value of YAML or JSON stands for here.

        There are no tuples, so a list is one where scikit-learn wants one or has one as default; and ``None``, as
        Python spells it, is text, so it is null where no such word is known.
        """
        if isinstance(value, list):
            as_tuple = tuple(value)
            if (isinstance(self.default, tuple) or not self.admits(value)) and self.admits(as_tuple):
                return as_tuple
        if value in ("None", "none") and self.rules is not None and not self.admits(value) and self.admits(None):
            return None
        return value

    def complaint(self, owner: str, value: Any) -> str:
        """Return in scikit-learn's words that a value is not allowed."""
        return f"The {self.name!r} parameter of {owner} must be {self._worded(_MOST)}. Got {shown(value)} instead."

    def remedy(self, value: Any) -> str:
        """Return what to write instead of a value that is not allowed, if that can be told; else an empty string."""
        from dropforge.documents import did_you_mean

        if isinstance(value, float) and value.is_integer() and self.admits(int(value)):
            return f"Write {int(value)}, a whole number without a point or an exponent."
        if not isinstance(value, str):
            return "Write it as a mapping with 'class' and 'params'." if self._lacks_class(value) else ""
        if (plain := _unquoted(value)) is not None and self.admits(plain[0]):
            return f"Write {plain[1]}."
        if close := did_you_mean(value, self.options):
            return close
        if self.may_be_callable:
            return f"Text never becomes a function here. {self._leave_out}"
        return "For a tuple write a list: [1, 2]." if value.startswith("(") else ""

    @property
    def hint(self) -> str:
        """What to do about a value when nothing better can be said."""
        return "Correct the value." if self.required else f"Correct it. The default is {default_text(self.default)}."

    @property
    def _leave_out(self) -> str:
        return f"Leave it out for the default, {default_text(self.default)}."

    def _lacks_class(self, value: Any) -> bool:
        return isinstance(value, dict) and self.may_be_object


def make_parameter(name: str, default: Any, rules: Any) -> Parameter:
    """Return a parameter with its rules as scikit-learn's constraint objects."""
    import numpy as np
    from sklearn.utils._param_validation import make_constraint

    if isinstance(default, np.generic):  # it compares with a list element by element
        default = default.item()
    checked = isinstance(rules, list)
    return Parameter(name, default, tuple(make_constraint(rule) for rule in rules) if checked else None)


def default_text(value: Any) -> str:
    """Return a default as people would write it."""
    if value is REQUIRED:
        return "none: it must be given"
    if inspect.isroutine(value) or inspect.isclass(value):
        return str(value.__name__)
    return repr(list(value) if isinstance(value, tuple) else value)


def shown(value: Any) -> str:
    """Return a value for a message, in short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def parts(rule: Any) -> Iterator[Any]:
    """Return the rules that a rule consists of; itself, where it is one."""
    for part in getattr(rule, "_constraints", None) or (rule,):
        yield from (part,) if part is rule else parts(part)


def satisfies(rule: Any, value: Any) -> bool:
    """Return whether a value satisfies a rule."""
    if isinstance(value, dict) and type(rule).__name__ in ("_ArrayLikes", "_CVObjects"):
        return False  # a mapping has a length and can be iterated, but is no array
    return bool(rule.is_satisfied_by(value))


def _admits_class(rule: Any, cls: type) -> bool:
    if getattr(rule, "_constraints", None):
        return any(_admits_class(part, cls) for part in parts(rule))
    if methods := getattr(rule, "methods", None):
        return all(hasattr(cls, method) for method in methods)
    return _of_estimators(rule) and issubclass(cls, rule.type)


def _of_estimators(rule: Any) -> bool:
    cls = getattr(rule, "type", None)
    return type(rule).__name__ == "_InstancesOf" and getattr(cls, "__module__", "") == "sklearn.base"


def _exposed(rules: tuple[Any, ...]) -> Iterator[Any]:
    """Return the rules that a config can satisfy, those that are several taken apart."""
    for rule in rules:
        if getattr(rule, "hidden", False) or type(rule).__name__ in _NOT_SPELT:
            continue
        if getattr(rule, "_constraints", None):
            yield from _exposed(tuple(parts(rule)))
        elif type(rule).__name__ == "_InstancesOf":
            if (rule.type.__name__ in _SPELT and rule.type.__module__ != "numpy") or _of_estimators(rule):
                yield rule
        elif getattr(rule, "methods", None) not in _NO_ESTIMATOR:
            yield rule


def _worded(rule: Any, most: int | None) -> str:
    """Return scikit-learn's text of a rule, with words in a fixed order."""
    if options := getattr(rule, "options", None):
        words = [rule._mark_if_deprecated(option) for option in sorted(options, key=str)]
        known = ", ".join(words if most is None or len(words) <= most else [*words[:5], f"{len(words) - 5} more"])
        return f"a {'str' if type(rule).__name__ == 'StrOptions' else _name(rule.type)} among {{{known}}}"
    return str(rule)


def _name(cls: type) -> str:
    return {"Real": "float", "Integral": "int"}.get(cls.__name__, cls.__name__)


_WORDS: Mapping[str, tuple[Any, str]] = {
    "true": (True, "true, without quotes"),
    "false": (False, "false, without quotes"),
    # What YAML 1.1 takes for true and false, and 1.2 for text.
    "yes": (True, "true"),
    "on": (True, "true"),
    "no": (False, "false"),
    "off": (False, "false"),
    "null": (None, "null, without quotes"),
    "none": (None, "null"),
    "nan": (math.nan, ".nan (in JSON: NaN), without quotes"),
    "np.nan": (math.nan, ".nan (in JSON: NaN)"),
    "inf": (math.inf, ".inf (in JSON: Infinity), without quotes"),
    "np.inf": (math.inf, ".inf (in JSON: Infinity)"),
}


def _unquoted(text: str) -> tuple[Any, str] | None:
    """Return the value that a text looks like, and how to write it."""
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    if re.fullmatch(r"[-+]?\d{1,18},\d{1,18}", word):
        return float(word.replace(",", ".")), f"{word.replace(',', '.')}, with a point"
    if re.fullmatch(r"[-+]?\d{1,3}(_\d{3}){1,5}", word):
        return int(word), f"{int(word)}"
    if re.fullmatch(r"[-+]?\d{1,18}", word):
        return int(word), f"{word}, without quotes"
    if re.fullmatch(r"[-+]?\d{0,18}\.?\d{1,18}(e[-+]?\d{1,3})?", word):
        return float(word), f"{word}, without quotes"
    return None
