"""Configuration files as they are written: keys that stand there twice, and texts of which YAML makes something else.

YAML keeps the last of several equal keys and says nothing.  What it has read does not tell any more what stood there,
so the files are looked at a second time, as nodes with lines and texts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from ..schema import MAX_ENTRIES, Place, Written, value_at

_MERGE = "tag:yaml.org,2002:merge"
_TEMPLATE = "__use_yte__"  # at the top of a file: Snakemake computes the configuration from it

File = str | os.PathLike[str]


def yaml_problems(path: File) -> list[str]:
    """A sentence for each key that stands more than once in a mapping of a YAML or JSON file.

    Keys that a merge (``<<``) brings may be given anew.  What is no file, such as a pipe, or neither YAML nor JSON has
    no problems here: whoever reads the configuration says so.
    """
    try:
        root = _composed(path)
    except yaml.YAMLError:
        return _json_problems(path)
    problems = []
    for place, node in _mappings(root):
        lines: dict[Any, list[int]] = {}
        for key, _ in node.value:
            if key.tag != _MERGE:
                lines.setdefault(_value(key), []).append(key.start_mark.line + 1)
        names = {_value(key): key.value for key, _ in node.value}
        for key, numbers in lines.items():
            if len(numbers) > 1:
                problems.append(_twice(path, ".".join([*place, str(names[key])]), f", {_lines(numbers)}"))
    return problems


def _lines(numbers: list[int]) -> str:
    *others, last = dict.fromkeys(numbers)
    return f"in lines {', '.join(map(str, others))} and {last}" if others else f"in line {last}"


def _twice(path: File, key: str, where: str) -> str:
    return f"{os.fspath(path)}: the key {key} stands there more than once{where}. Only the last would count: keep one"


def _json_problems(path: File) -> list[str]:
    """The same for JSON that is no YAML, such as with tabs; its lines are not known."""
    twice: dict[str, None] = {}

    def read(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        twice.update(dict.fromkeys(name for name in names if names.count(name) > 1))

    try:
        with open(path, encoding="utf-8") as file:
            json.load(file, object_pairs_hook=read)
    except (OSError, ValueError, RecursionError):
        return []
    return [_twice(path, name, "") for name in twice]


def _composed(path: File) -> Node | None:
    """The nodes of a YAML file; None where there is nothing to look at."""
    if not os.path.isfile(path):  # a pipe can be read only once
        return None
    try:
        with open(path, "rb") as file:
            # several times as fast as the one in Python, where it has been built
            root: Node | None = yaml.compose(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, RecursionError):
        return None
    if isinstance(root, MappingNode) and any(key.value == _TEMPLATE for key, _ in root.value):
        return None
    return root


def _mappings(root: Node | None) -> list[tuple[tuple[str, ...], MappingNode]]:
    """Every mapping once, wherever aliases repeat it, with the keys that lead to it; in the order of the file."""
    found: list[tuple[tuple[str, ...], MappingNode]] = []
    seen: set[int] = set()
    pending: list[tuple[tuple[str, ...], Node]] = [((), root)] if root else []
    while pending:
        place, node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            found.append((place, node))
            pending += [((*place, str(key.value)), value) for key, value in reversed(node.value)]
        elif isinstance(node, SequenceNode):
            pending += [((*place, str(number)), item) for number, item in reversed([*enumerate(node.value)])]
    return found


def _value(node: Node) -> Any:
    """What YAML makes of a key or value that is a scalar: equal ones are the same key."""
    if not isinstance(node, ScalarNode):
        return id(node)
    try:
        return SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError):  # such as the 45th of a month
        return node.value


def _read(text: str) -> Any:
    """What YAML makes of a text without quotes."""
    tag = Resolver().resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return _value(ScalarNode(tag, text))


def written_texts(path: File) -> Written:
    """Texts of values without quotes, and of keys that are read as something other than text, by their places."""
    try:
        root = _composed(path)
    except yaml.YAMLError:
        root = None
    values: dict[Place, str] = {}
    keys: dict[Place, str] = {}
    pending: list[tuple[Place, Node]] = [((), root)] if root else []
    count = 0
    while pending and count < MAX_ENTRIES:
        count += 1
        place, node = pending.pop()
        if isinstance(node, MappingNode):
            for name, (key, value) in _entries(node).items():
                pending.append(((*place, name), value))
                if not isinstance(name, str):
                    keys[*place, name] = key.value
        elif isinstance(node, SequenceNode):
            pending += [((*place, number), item) for number, item in enumerate(node.value)]
        elif isinstance(node, ScalarNode) and not node.style:
            values[place] = node.value
    return Written(values, keys)


def _entries(node: MappingNode, around: tuple[int, ...] = ()) -> dict[Any, tuple[Node, Node]]:
    """Keys and values of a mapping, those of merges (``<<``) included; its own win."""
    merged: dict[Any, tuple[Node, Node]] = {}
    own: dict[Any, tuple[Node, Node]] = {}
    for key, value in node.value:
        if key.tag != _MERGE:
            own[_value(key)] = key, value
            continue
        for source in reversed(value.value if isinstance(value, SequenceNode) else [value]):
            if isinstance(source, MappingNode) and id(source) not in around:
                merged |= _entries(source, (*around, id(node)))
    return merged | own


def written_in(config: Mapping[str, Any], files: Iterable[File], command_line: Mapping[str, Any]) -> Written:
    """What stands in `files` for the values that `config`, read from them, has.

    Values that came from elsewhere, such as the command line or another file, are left out.
    """
    values: dict[Place, str] = {}
    keys: dict[Place, str] = {}
    for file in files:
        written = written_texts(file)
        values |= written.values
        keys |= written.keys
    kept = {
        place: text
        for place, text in values.items()
        if not _is_given(command_line, place) and repr(_read(text)) == repr(value_at(config, place))
    }
    return Written(kept, keys)


def _is_given(command_line: Any, place: Place) -> bool:
    """Whether the command line has a value for `place`, or for something that holds it."""
    for part in place:
        if not isinstance(command_line, Mapping):
            return True
        if part not in command_line:
            return False
        command_line = command_line[part]
    return not isinstance(command_line, Mapping)
