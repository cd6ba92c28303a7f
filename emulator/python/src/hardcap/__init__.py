"""AWS Lambda and API Gateway on your machine, with their limits byte for byte.

The command ``hardcap`` is the program. This package finds it and starts it for a test::

    import hardcap

    with hardcap.start("template.yaml") as app:
        print(app.url, app.outputs)

The pytest plugin (:mod:`hardcap.pytest_plugin`) has the same object as the fixture ``hardcap``.
"""

from ._app import Hardcap, HardcapError, LogLine, start
from ._program import program

__all__ = ["Hardcap", "HardcapError", "LogLine", "program", "start"]
