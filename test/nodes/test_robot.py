"""The encoder node needs nothing that only the host has."""

import re
import subprocess
import sys
from pathlib import Path

HOST = Path(__file__).parents[2] / "requirements/host.txt"
# rclpy itself needs pyyaml.
MODULES = {"scikit-learn": "sklearn", "pyyaml": None}


def test_the_encoder_node_is_imported_without_what_only_the_host_has() -> None:
    packages = re.findall(r"^[\w.-]+", HOST.read_text(), re.MULTILINE)
    modules = [MODULES.get(package, package) for package in packages]
    assert "torch" in modules
    blocked = {module: None for module in modules if module}
    code = f"import sys; sys.modules.update({blocked}); import jcc_ros.nodes.encoder"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
