"""Compiling a kernel whose arrays never overlap, so that LLVM may turn its loops into vector instructions.

    @njit(pipeline_class=SeparateArrays)

A loop that writes one array and reads others at computed places (a gather) cannot be checked for overlaps when it runs:
without this promise it stays scalar. The caller keeps the promise.
"""

from __future__ import annotations

from numba.core.compiler import Compiler

__all__ = ["SeparateArrays"]


class SeparateArrays(Compiler):  # type: ignore[misc]
    """numba's compiler with the arguments' arrays declared as `noalias`."""

    def define_pipelines(self):
        """The usual pipelines."""
        self.state.flags.noalias = True
        return super().define_pipelines()
