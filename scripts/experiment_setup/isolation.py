"""Takes the project off the import path. The scripts do that before they import anything else.

PYTHONPATH, an editable installation and the working directory put the folders of a project before or behind what is
installed: its types.py, yaml.py or hydra_plugins would be run by the next import of that name, ours or Hydra's. What is
left is what is installed: the standard library, the site-packages folders, and this skill.

It needs no module that is not loaded before a script starts. What Python itself runs before that (`sitecustomize` on
PYTHONPATH, `.pth` files of the environment), only `python -I` holds off.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of; that one would have to be looked for
import os
import site
import sys

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACKAGES = ("site-packages", "dist-packages")


def isolate() -> None:
    """Leave only installed modules to be found, by Python's own ways of finding them.

    And until `cli.run` says what becomes of it, Ctrl-C ends the process without a word: nothing is begun.
    """
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # it may be ignored, as in a job of a shell
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    sys.path[:] = [_SCRIPTS, *(entry for entry in sys.path if _is_installed(entry) and entry != _SCRIPTS)]
    # Editable installations bring finders that know where the project's packages are.
    sys.meta_path[:] = [finder for finder in sys.meta_path if _module_of(finder).startswith("_frozen_importlib")]
    sys.path_importer_cache.clear()


def _is_installed(entry: str) -> bool:
    """Whether a folder of sys.path holds installed modules. One that a project carries along is not."""
    path = os.path.realpath(entry)
    if os.path.basename(path) not in _PACKAGES:
        return _lies_in(path, os.path.realpath(_STANDARD_LIBRARY)) or _is_of_windows(path)
    own = (sys.prefix, sys.base_prefix, *filter(None, [site.USER_SITE]))
    return any(_lies_in(path, os.path.realpath(folder)) for folder in own) or not _is_of_a_project(path)


def _is_of_windows(path: str) -> bool:
    return sys.platform == "win32" and path in (sys.base_prefix, os.path.join(sys.base_prefix, "DLLs"))


def _is_of_a_project(path: str) -> bool:
    here = os.path.realpath(os.curdir)
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        if path == here or any(os.path.lexists(os.path.join(path, name)) for name in (".git", "experiments")):
            return True
    return False


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def _module_of(finder: object) -> str:
    kind = finder if isinstance(finder, type) else type(finder)
    return kind.__module__
