# Starts AWS's runtime client for Python as Lambda's own start does: the code and the layers come first on `sys.path`.
import os
import runpy
import sys

task_root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
version = os.environ.get("AWS_EXECUTION_ENV", "").removeprefix("AWS_Lambda_")
# With -c the first entry is an empty text. Layers lie in /opt only where the code lies in /var/task.
sys.path[:1] = [task_root]
if task_root == "/var/task":
    sys.path[1:1] = [f"/opt/python/lib/{version}/site-packages", "/opt/python"]
# The folder with the client, where hardcap has installed it: the last place, as /var/runtime is on AWS.
if sys.argv[1]:
    sys.path.append(sys.argv[1])
sys.argv = ["awslambdaric", os.environ["_HANDLER"], *sys.argv[2:]]
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
