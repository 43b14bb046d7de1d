"""Files as such: written whole or not at all, and checked for damage."""

import os

StrPath = str | os.PathLike[str]
"""A path, as text or as `pathlib` has it."""
