"""Write plain values as YAML that reads back as the same, here and in readers of YAML 1.1."""

from __future__ import annotations

from typing import Any

import yaml

from dropforge.documents.yaml12 import add_core_schema

_LONGEST = 300
_SIMPLE = (str, int, float, bool, type(None))


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would not read as text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        return True

    def a_list(self, data: list[Any]) -> yaml.Node:
        """Return a list; one of scalars on one line."""
        simple = all(isinstance(item, _SIMPLE) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True if simple else None)

    def a_text(self, data: str) -> yaml.Node:
        """Return a text; one with line ends, or what a terminal would obey, in escapes."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if data.isprintable() else '"')


add_core_schema(_Dumper)
_Dumper.add_representer(list, _Dumper.a_list)
_Dumper.add_representer(str, _Dumper.a_text)


def to_yaml(value: Any) -> str:
    """Return a value as YAML, keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)


def one_line(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9, default_flow_style=True)
    return text.removesuffix("\n").removesuffix("\n...")


def flow(value: Any) -> str:
    """Return a value as YAML on one line, for a message; a long one is cut."""
    text = one_line(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
