"""The place of the program ``hardcap``."""

import os
import shutil
import site
import sys
import sysconfig
from pathlib import Path
from typing import Iterator


def program() -> str:
    """The path of the program ``hardcap``.

    The variable ``HARDCAP_PROGRAM`` names another program. Otherwise it is the one that this package has installed, else
    the first on ``PATH``.

    :raises FileNotFoundError: if there is none.
    """
    named = os.environ.get("HARDCAP_PROGRAM")
    if named:
        if not os.access(named, os.X_OK):
            raise FileNotFoundError(f"HARDCAP_PROGRAM={named} is not a program: name an executable file, or unset the variable")
        return named
    for folder in _script_folders():
        path = Path(folder) / "hardcap"
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    found = shutil.which("hardcap")
    if found is None:
        raise FileNotFoundError(
            f"the program `hardcap` is not installed for {sys.executable}: reinstall the package hardcap, or name the program with HARDCAP_PROGRAM"
        )
    return found


def _script_folders() -> Iterator[str]:
    """The folders into which pip installs programs: with this Python, with ``--user``, and beside this package with ``--target``."""
    yield sysconfig.get_path("scripts")
    yield sysconfig.get_path("scripts", scheme=_user_scheme())
    yield str(Path(__file__).parent.parent / "bin")
    yield os.path.join(site.getuserbase(), "bin")


def _user_scheme() -> str:
    if sys.version_info >= (3, 10):
        return sysconfig.get_preferred_scheme("user")
    return "posix_user"
