"""Content hashes of Python code, so that a stage is repeated when, and only when, its code changes."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_IMPORTS = (ast.Import, ast.ImportFrom)
_NESTED = (ast.AST, list)


class UnresolvedImportError(ImportError):
    """An import of the package's own that leads to no file: a change there would go unnoticed."""


def _is_text(node: Any) -> bool:
    """Whether a statement is a text that nothing uses: a docstring of a module, class, function or constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@lru_cache(maxsize=None, typed=True)
def _quoted(value: object) -> str:
    return repr(repr(value))


def _tuple(items: list[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _meaning(node: Any, imports: list[ast.Import | ast.ImportFrom]) -> str:
    """What the code does, without positions, comments, docstrings and empty fields: the text of nested tuples, which to
    make first would take twice as long.  Its import statements, at any depth, go to `imports`.

    Empty fields are left out because newer Python versions add some to old node types; so one and the same
    code has one and the same hash under all of them.
    """
    if isinstance(node, list):
        return _tuple([_meaning(item, imports) for item in node if not _is_text(item)])
    if not isinstance(node, ast.AST):
        return _quoted(node)
    if isinstance(node, _IMPORTS):
        imports.append(node)
    fields = [repr(type(node).__name__)]
    for name in node._fields:
        value = getattr(node, name, None)
        if value is not None and value != []:
            fields.append(f"({name!r}, {_meaning(value, imports) if isinstance(value, _NESTED) else _quoted(value)})")
    return _tuple(fields)


def _imported_names(
    imports: Iterable[ast.Import | ast.ImportFrom], package: str, own_package: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Modules of `package` that import statements name, as dotted names, each with the names taken from it.

    `own_package` is the (sub)package that the module belongs to, for relative imports; empty for a script.
    """
    for node in imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == package:
                    yield alias.name, ()
            continue
        module = node.module or ""
        if node.level:
            above = own_package.split(".")
            above = above[: len(above) - node.level + 1]
            module = ".".join([*above, *([module] if module else [])])
        if module.split(".")[0] == package:
            yield module, tuple(alias.name for alias in node.names)


@cache
def _file_of(module: str, package: Path) -> Path | None:
    """File of a dotted name that begins with the package's own; a folder's is its ``__init__.py``."""
    parts = module.split(".")[1:]
    as_module = package.joinpath(*parts).with_suffix(".py") if parts else package / "__init__.py"
    as_package = package.joinpath(*parts, "__init__.py")
    return next((file for file in (as_module, as_package) if file.is_file()), None)


def _names_in(tree: ast.Module) -> set[str]:
    """Names that a module defines or imports at its top."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def _is_for_others(node: ast.stmt) -> bool:
    """Whether it is what gives a package's names to other programs when they ask for them (PEP 562): a job can't, see
    `_imported_files`, and does not depend on it."""
    return isinstance(node, ast.FunctionDef) and node.name == "__getattr__"


def _parsed(file: Path) -> ast.Module:
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    tree.body = [node for node in tree.body if not _is_for_others(node)]
    return tree


def _imported_files(file: Path, imports: Iterable[ast.Import | ast.ImportFrom], package: Path) -> set[Path]:
    """Files that an import statement of `file` makes Python run, those of the packages around a module among them.

    Raises
    ------
    UnresolvedImportError
        If one of them leads nowhere.
    """
    inside = file.parent.relative_to(package) if file.is_relative_to(package) else None
    own = ".".join([package.name, *inside.parts]) if inside is not None else ""
    files: set[Path] = set()
    for module, names in _imported_names(imports, package.name, own):
        found = _file_of(module, package)
        if found is None:
            raise UnresolvedImportError(f"{file}: there is no module {module} in {package}")
        around = module.split(".")
        files |= {found, *(_file_of(".".join(around[:end]), package) or found for end in range(1, len(around)))}
        if found.name != "__init__.py":
            continue
        for name in names:  # of a package: modules of it, or what its __init__.py defines
            submodule = _file_of(f"{module}.{name}", package)
            if submodule is not None:
                files.add(submodule)
            elif name != "*" and name not in _names_in(_parsed(found)):
                raise UnresolvedImportError(f"{file}: there is no {name} in {module}, neither a module nor a name")
    return files


@cache
def _read(file: Path, package: Path) -> tuple[str, frozenset[Path]]:
    """What a file does, as text, and the files it imports; read once a run for all scripts that need it."""
    imports: list[ast.Import | ast.ImportFrom] = []
    meaning = _meaning(_parsed(file), imports)
    return meaning, frozenset(_imported_files(file, imports, package))


def modules_of(script: Path, package: Path) -> set[Path]:
    """A script and all modules of `package` that it imports, directly or not.

    Raises
    ------
    UnresolvedImportError
        If an import of the package's own leads nowhere.
    """
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
        The folder of the package whose modules are followed, through its subpackages.  Imports of other packages are
        not.

    Returns
    -------
    str
        16 hexadecimal digits.  Comments, docstrings, blank lines, time stamps and the place of the folder do not change
        them.

    Raises
    ------
    SyntaxError
        If a file is not valid Python.
    UnresolvedImportError
        If an import of the package's own leads to no file.
    """
    digest = hashlib.sha256()

    def name(file: Path) -> str:
        return file.relative_to(package.parent).as_posix() if file.is_relative_to(package) else file.name

    for file in sorted(modules_of(script, package), key=name):
        digest.update(f"{name(file)}\0{_read(file, package)[0]}\0".encode())
    return digest.hexdigest()[:16]
