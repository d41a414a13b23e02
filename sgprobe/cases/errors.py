"""Errors of case files, gathered so that one check shows all of them."""

from __future__ import annotations

from sgprobe import problems
from sgprobe.fileerror import FileError
from sgprobe.problems import did_you_mean, listed, shown

__all__ = ["CaseError", "Problems", "did_you_mean", "listed", "shown"]


class CaseError(FileError):
    """A case, steps or suite file is wrong."""


class Problems(problems.Problems):
    """Gathers problems of cases."""

    __slots__ = ()
    error = CaseError
