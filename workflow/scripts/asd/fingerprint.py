"""Content hashes of Python code, so that a stage is repeated when, and only when, its code changes."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any


def _is_text(node: Any) -> bool:
    """Whether a statement is a text that nothing uses: a docstring of a module, class, function or constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _meaning(node: Any) -> Any:
    """Nested tuples that hold what the code does, without positions, comments, docstrings and empty fields.

    Empty fields are left out because newer Python versions add some to old node types; so one and the same
    code has one and the same hash under all of them.
    """
    if isinstance(node, list):
        return tuple(_meaning(item) for item in node if not _is_text(item))
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if value is not None and value != []:
            fields.append((name, _meaning(value)))
    return (type(node).__name__, *fields)


def _imported_modules(tree: ast.Module, package: Path) -> set[Path]:
    """Files of `package` that the parsed module names in an import statement, at any depth of the code."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1:
                names |= {module} if module else {alias.name for alias in node.names}
            elif module == package.name:
                names |= {alias.name for alias in node.names}
            elif module.startswith(f"{package.name}."):
                names.add(module.removeprefix(f"{package.name}."))
        elif isinstance(node, ast.Import):
            prefix = f"{package.name}."
            names |= {alias.name.removeprefix(prefix) for alias in node.names if alias.name.startswith(prefix)}
    names |= {"__init__"} if names else set()  # it runs before any of its modules
    files = {package / f"{name.replace('.', '/')}.py" for name in names}
    return {file for file in files if file.is_file()}


@cache
def _read(file: Path, package: Path) -> tuple[str, frozenset[Path]]:
    """What a file does, as text, and the modules it imports; read once a run for all scripts that need it."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    return repr(_meaning(tree)), frozenset(_imported_modules(tree, package))


def modules_of(script: Path, package: Path) -> set[Path]:
    """A script and all modules of `package` that it imports, directly or not."""
    pending, seen = [script], set()
    while pending:
        file = pending.pop()
        if file not in seen:
            seen.add(file)
            pending.extend(_read(file, package)[1])
    return seen


def code_fingerprint(script: Path, package: Path) -> str:
    """Hash of what a script does, together with all modules of `package` that it imports, directly or not.

    Parameters
    ----------
    script
        A Python file.
    package
        The folder of the package whose modules are followed.  Imports of other packages are not.

    Returns
    -------
    str
        16 hexadecimal digits.  Comments, docstrings, blank lines and time stamps do not change them.

    Raises
    ------
    SyntaxError
        If a file is not valid Python.
    """
    digest = hashlib.sha256()
    for file in sorted(modules_of(script, package), key=lambda file: file.name):
        digest.update(f"{file.name}\0{_read(file, package)[0]}\0".encode())
    return digest.hexdigest()[:16]
