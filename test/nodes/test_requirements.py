"""The nodes need nothing of what only training and evaluation need."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

OFFLINE = Path(__file__).parents[2] / "requirements/offline.txt"
# rclpy itself needs pyyaml.
MODULES = {"scikit-learn": "sklearn", "pyyaml": None}


@pytest.mark.parametrize("node", ["classifier", "encoder"])
def test_nodes_are_imported_without_what_is_for_offline_work(node: str) -> None:
    packages = re.findall(r"^[\w.-]+", OFFLINE.read_text(), re.MULTILINE)
    modules = [MODULES.get(package, package) for package in packages]
    assert "torch" in modules
    blocked = {module: None for module in modules if module}
    code = f"import sys; sys.modules.update({blocked}); import jcc_ros.nodes.{node}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
