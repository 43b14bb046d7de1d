"""Fingerprints of code: the same while a script does the same, another when it, or what it imports, changes."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from asd.plan import fingerprint
from asd.plan.fingerprint import code_fingerprint
from places import SCRIPTS

SCRIPT = '''"""Makes something."""

from kit import first

# prints it
print(first.double(4))
'''

FIRST = '''"""The first module."""

from .second import FACTOR


def double(x: float, offset: float = 0.0) -> float:
    """Twice `x`."""
    # a comment
    result = FACTOR * x + offset
    return result
'''

SECOND = '''"""The second module."""

FACTOR = 2
"""What `double` multiplies by."""


class Unused:
    """Stands by."""

    name = None
'''


class Code:
    """A script and its package ``kit``, which can be edited."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "script.py"
        self.package = folder / "kit"
        self.package.mkdir()
        self.write("script.py", SCRIPT)
        self.write("kit/__init__.py", '"""A package."""\n')
        self.write("kit/first.py", FIRST)
        self.write("kit/second.py", SECOND)
        self.write("kit/other.py", "LIMIT = 5\n")

    def write(self, name: str, text: str) -> None:
        (self.script.parent / name).write_text(text, encoding="utf-8")

    def write_room(self, room: str, text: str) -> None:
        """A subpackage with a module ``size``."""
        (self.package / room).mkdir(exist_ok=True)
        self.write(f"kit/{room}/__init__.py", "")
        self.write(f"kit/{room}/size.py", text)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.script.parent / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    def fingerprint(self) -> str:
        fingerprint._read.cache_clear()  # within one run, code does not change
        return code_fingerprint(self.script, self.package)


@pytest.fixture
def code(tmp_path: Path) -> Code:
    return Code(tmp_path)


KINDS_OF_NODES = """from kit import other as one


async def f(a, /, b=-1.5, *c, d: "it's" = None, **e):
    global g, h
    g, h = (1,), [*c, {"x": b"y", **e}]
    return f"{a!r} {b}" if g[0:1] else lambda: (yield 2j) or ... or True
"""


def test_a_fingerprint_is_that_of_earlier_versions(code: Code) -> None:
    # with another one, all that users have made so far would be made again
    code.write("script.py", KINDS_OF_NODES)
    assert code.fingerprint() == "056a3f676f681b40"


def test_a_fingerprint_is_16_hexadecimal_digits(code: Code) -> None:
    assert re.fullmatch("[0-9a-f]{16}", code.fingerprint())
    assert code.fingerprint() == code.fingerprint()


# ------------------------------------------------------------------------------------------------ what changes nothing


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "# prints it\n", ""),
        ("script.py", "# prints it\n", "# prints it out\n\n\n"),
        ("script.py", '"""Makes something."""', '"""Makes something else."""'),
        ("script.py", "print(first.double(4))", "print(\n    first.double( 4 ),\n)"),
        ("kit/first.py", "    # a comment\n", "    # another comment\n"),
        ("kit/first.py", '    """Twice `x`."""\n', '    """Twice the number.\n\n    And more.\n    """\n'),
        ("kit/first.py", '    """Twice `x`."""\n', ""),
        ("kit/first.py", '"""The first module."""', '"""The module that is first."""'),
        ("kit/second.py", '    """Stands by."""', '    """Waits."""'),
        ("kit/second.py", "FACTOR = 2", "FACTOR   =   2   # two"),
        ("kit/second.py", '"""What `double` multiplies by."""\n', '"""The factor of `double`."""\n'),
        ("kit/second.py", '"""What `double` multiplies by."""\n', ""),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(code: Code, name: str, old: str, new: str) -> None:
    before = code.fingerprint()
    code.edit(name, old, new)
    assert code.fingerprint() == before


def test_time_stamps_change_nothing(code: Code) -> None:
    before = code.fingerprint()
    for file in [code.script, *code.package.glob("*.py")]:
        os.utime(file, (1, 1))
    assert code.fingerprint() == before


def test_the_place_of_the_repository_changes_nothing(code: Code, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(code.package, elsewhere / "kit")
    shutil.copy(code.script, elsewhere / "script.py")
    assert code_fingerprint(elsewhere / "script.py", elsewhere / "kit") == code.fingerprint()


# --------------------------------------------------------------------------------------------- what changes something


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("script.py", "double(4)", "double(5)"),
        ("script.py", "double(4)", "double(4.0)"),
        ("script.py", "double(4)", "double('4')"),
        ("kit/first.py", "offset: float = 0.0", "offset: float = 0.1"),
        ("kit/first.py", "FACTOR * x + offset", "FACTOR * x - offset"),
        ("kit/first.py", "FACTOR * x + offset", "FACTOR + x * offset"),
        ("kit/first.py", "FACTOR * x + offset", "FACTOR * (x + offset)"),
        ("kit/first.py", "    return result\n", ""),
        ("kit/first.py", "    return result\n", "    result = abs(result)\n    return result\n"),
        ("kit/first.py", "def double(x: float, offset", "def double(offset: float, x"),
        ("kit/second.py", "FACTOR = 2", "FACTOR = 3"),
        ("kit/second.py", "FACTOR = 2", "FACTOR = True"),
        ("kit/second.py", "name = None", "name = ()"),
        ("kit/second.py", "name = None", "name = False"),
        ("kit/second.py", "name = None", "other = None"),
        ("kit/second.py", "class Unused:", "class Unused(dict):"),
    ],
)
def test_each_change_of_the_code_changes_the_fingerprint(code: Code, name: str, old: str, new: str) -> None:
    before = code.fingerprint()
    code.edit(name, old, new)
    assert code.fingerprint() != before


def test_undoing_a_change_brings_the_fingerprint_back(code: Code) -> None:
    before = code.fingerprint()
    code.edit("kit/second.py", "FACTOR = 2", "FACTOR = 3")
    code.fingerprint()
    code.edit("kit/second.py", "FACTOR = 3", "FACTOR = 2")
    assert code.fingerprint() == before


def test_a_text_that_is_used_is_no_docstring(code: Code) -> None:
    code.write("script.py", "UNIT = 'Hz'\nprint(UNIT)\n")
    before = code.fingerprint()
    code.write("script.py", "UNIT = 'kHz'\nprint(UNIT)\n")
    assert code.fingerprint() != before


# ---------------------------------------------------------------------------------------------------- imports followed


def test_a_module_that_is_not_imported_does_not_count(code: Code) -> None:
    before = code.fingerprint()
    code.edit("kit/other.py", "LIMIT = 5", "LIMIT = 6")
    code.write("kit/new.py", "x = 1\n")
    assert code.fingerprint() == before


@pytest.mark.parametrize(
    "statement",
    [
        "from kit import other",
        "from kit import first, other as o",
        "from kit.other import LIMIT",
        "from kit.other import *",
        "import kit.other",
        "import kit.other as o",
        "import os, kit.other",
        "def f():\n    from kit.other import LIMIT\n    return LIMIT",
        "if True:\n    import kit.other",
        "try:\n    import numpy\nexcept ImportError:\n    from kit import other",
    ],
)
def test_a_script_may_import_in_any_way(code: Code, statement: str) -> None:
    code.write("script.py", f"{statement}\n")
    before = code.fingerprint()
    code.edit("kit/other.py", "LIMIT = 5", "LIMIT = 6")
    assert code.fingerprint() != before


@pytest.mark.parametrize(
    "statement",
    [
        "from . import other",
        "from .other import LIMIT",
        "from kit import other",
        "import kit.other",
        "def f():\n    from .other import LIMIT\n    return LIMIT",
        "class A:\n    from . import other",
    ],
)
def test_a_module_of_the_package_may_import_in_any_way(code: Code, statement: str) -> None:
    code.edit("kit/second.py", "FACTOR = 2\n", f"FACTOR = 2\n{statement}\n")
    before = code.fingerprint()
    code.edit("kit/other.py", "LIMIT = 5", "LIMIT = 6")
    assert code.fingerprint() != before


def test_what_the_package_gives_to_other_programs_does_not_count(code: Code) -> None:
    """A job can't ask for it: that is an error of its own."""
    before = code.fingerprint()
    lazy = "def __getattr__(name):\n    from .other import LIMIT\n    return LIMIT\n"
    code.write("kit/__init__.py", f'"""A package."""\n\n\n{lazy}')
    assert code.fingerprint() == before
    code.write("script.py", "from kit import LIMIT\n")
    with pytest.raises(fingerprint.UnresolvedImportError, match="there is no LIMIT in kit"):
        code.fingerprint()


def test_what_the_package_itself_defines_counts(code: Code) -> None:
    code.write("script.py", "from kit import FLOOR\n")
    code.write("kit/__init__.py", "FLOOR = 1\n")
    before = code.fingerprint()
    code.write("kit/__init__.py", "FLOOR = 2\n")
    assert code.fingerprint() != before


@pytest.mark.parametrize(
    "statement",
    [
        "from kit.room import deep",
        "from kit.room.deep import LIMIT",
        "import kit.room.deep as d",
        "from kit.room.near import NEAR",
        "from kit.room import *\nfrom kit.room import near",
    ],
)
@pytest.mark.parametrize(
    "onward", ["from .deep import LIMIT", "from . import deep", "from ..room import deep", "from kit.room import deep"]
)
def test_subpackages_are_followed(code: Code, statement: str, onward: str) -> None:
    (code.package / "room").mkdir()
    code.write("kit/room/__init__.py", "SIZE = 1\n")
    code.write("kit/room/deep.py", "from ..other import LIMIT\n")
    code.write("kit/room/near.py", f"{onward}\nNEAR = 1\n")
    code.write("script.py", f"{statement}\n")
    before = code.fingerprint()
    for name, old, new in (("other", "LIMIT = 5", "LIMIT = 6"), ("room/__init__", "SIZE = 1", "SIZE = 2")):
        code.edit(f"kit/{name}.py", old, new)
        assert code.fingerprint() != before
        code.edit(f"kit/{name}.py", new, old)
    assert code.fingerprint() == before


def test_modules_of_the_same_name_in_two_subpackages_are_told_apart(code: Code) -> None:
    for room, number in (("east", 1), ("west", 2)):
        code.write_room(room, f"SIZE = {number}\n")
    code.write("script.py", "from kit.east.size import SIZE\nfrom kit.west import size\n")
    before = code.fingerprint()
    code.write_room("east", "SIZE = 2\n")
    code.write_room("west", "SIZE = 1\n")
    assert code.fingerprint() != before


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("script.py", "from kit import nothing"),
        ("script.py", "from kit.nothing import x"),
        ("script.py", "import kit.nothing"),
        ("script.py", "from kit.first.nothing import x"),
        ("kit/second.py", "from . import nothing"),
        ("kit/second.py", "from .nothing import x"),
        ("kit/second.py", "from ..nothing import x"),
        ("kit/second.py", "def f():\n    from .nothing import x"),
    ],
)
def test_an_import_that_leads_nowhere_is_an_error(code: Code, name: str, statement: str) -> None:
    if statement == "from ..nothing import x":
        (code.package / "room").mkdir()
        code.write("kit/room/__init__.py", "")
        code.write("kit/room/deep.py", f"{statement}\n")
        name, statement = "script.py", "from kit.room import deep"
    path = code.script.parent / name
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{statement}\n", encoding="utf-8")
    with pytest.raises(fingerprint.UnresolvedImportError, match="nothing"):
        code.fingerprint()


def test_modules_may_import_each_other_in_a_circle(code: Code) -> None:
    code.edit("kit/second.py", "FACTOR = 2\n", "FACTOR = 2\nfrom . import first\n")
    before = code.fingerprint()
    code.edit("kit/first.py", "+ offset", "- offset")
    assert code.fingerprint() != before


def test_other_packages_are_not_followed(code: Code) -> None:
    code.write("script.py", "import numpy\nfrom kitchen import other\nfrom numpy import random\n")
    before = code.fingerprint()
    code.edit("kit/other.py", "LIMIT = 5", "LIMIT = 6")
    assert code.fingerprint() == before


def test_a_mistake_in_the_code_is_an_error(code: Code) -> None:
    code.write("kit/second.py", "FACTOR =\n")
    with pytest.raises(SyntaxError):
        code.fingerprint()


# ------------------------------------------------------------------------------------------------- the workflow's code


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the workflow's scripts."""
    return shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))


def prints(scripts: Path) -> dict[str, str]:
    fingerprint._read.cache_clear()
    return {path.stem: code_fingerprint(path, scripts / "asd") for path in sorted(scripts.glob("*.py"))}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_every_script_of_the_workflow_has_a_fingerprint_of_its_own(scripts: Path) -> None:
    found = prints(scripts)
    assert len(found) >= 5
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize(
    ("module", "changed", "unchanged"),
    [
        ("features/acoustic", "extract_features", "plot_results"),
        ("features/__init__", "extract_features", "fetch_archive"),
        ("recordings/audio", "extract_features", "plot_results"),
        ("ddae/model", "train_ddae", "extract_features"),
        ("figures/style", "plot_results", "train_ddae"),
        ("detection/detectors", "detect_anomalies", "extract_features"),
    ],
)
def test_a_changed_module_repeats_the_stages_that_use_it_and_no_other(
    scripts: Path, module: str, changed: str, unchanged: str
) -> None:
    before = prints(scripts)
    append(scripts / "asd" / f"{module}.py", "\n_ANOTHER_CONSTANT = 1\n")
    after = prints(scripts)
    assert after[changed] != before[changed]
    assert after[unchanged] == before[unchanged]


def test_a_comment_in_every_module_repeats_nothing(scripts: Path) -> None:
    before = prints(scripts)
    for path in scripts.rglob("*.py"):
        append(path, "\n\n# a remark\n")
    assert prints(scripts) == before
