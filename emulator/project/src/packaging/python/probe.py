import importlib.util
import json
import sys
import sysconfig

found = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({
    "executable": sys.executable,
    "base": getattr(sys, "_base_executable", None) or sys.executable,
    "version": list(sys.version_info[:3]),
    "tag": f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}",
    "has_client": found("awslambdaric"),
    "has_sdk": found("boto3"),
}))
