"""Doing something as soon as a module is loaded, without loading it: asyncio is 40 ms and 10 MB."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # 5 ms, and the import system asks for the methods alone
    from importlib.abc import Loader


def when_loaded(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` now if the module ``name`` is loaded, else right after it was."""
    if name in sys.modules:
        work()
    else:
        sys.meta_path.insert(0, _Waiting(name, work))


class _Waiting:
    """Finds one module, once, the way the others would."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name = name
        self._work = work

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - what finders are called with
        target: ModuleType | None = None,  # noqa: ARG002 - the same
        /,
    ) -> ModuleSpec | None:
        """The spec of the awaited module with our loader around its own; None for any other."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Telling(spec.loader, self._work)  # type: ignore[assignment]  # see above
        return spec


class _Telling:
    def __init__(self, loader: Loader, work: Callable[[], None]) -> None:
        self._loader = loader
        self._work = work

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module looks as if nobody had waited for it.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._work()
