# Starts AWS's runtime client for Python as Lambda's own start does: the code and the layers come first on `sys.path`.
import os
import runpy
import sys

task_root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
version = os.environ.get("AWS_EXECUTION_ENV", "")[len("AWS_Lambda_") :]
# With -c the first entry is an empty text. Layers lie in /opt only where the code lies in /var/task.
sys.path[:1] = [task_root]
if task_root == "/var/task":
    sys.path[1:1] = [f"/opt/python/lib/{version}/site-packages", "/opt/python"]
# The folders with the client and with boto3, where hardcap has installed them: the last places, as /var/runtime is on AWS.
sys.path.extend(folder for folder in sys.argv[1:3] if folder)
sys.argv = ["awslambdaric", os.environ["_HANDLER"], *sys.argv[3:]]
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
