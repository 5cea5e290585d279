"""The client of rootsd for scripts and tests. README.md shows how it is used."""

from .client import Roots
from .errors import RootsError
from .pattern import PatternError
from .session import Update
from .views import Updates

__all__ = ["PatternError", "Roots", "RootsError", "Update", "Updates"]
