"""The robot's half runs where there is no torch."""

import subprocess
import sys
from pathlib import Path

ENCODE = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
from pathlib import Path
import numpy as np
from jcc_ros.networks.encoder_model import load_encoder
encoder = load_encoder(Path(sys.argv[1]))
latent = encoder.latent(np.zeros((48, 64, 3), np.uint8))
packet = encoder.codec.encode(latent, 0)
print(latent.shape, len(packet.to_bytes()) > 0)
"""


def test_a_model_is_loaded_and_an_image_encoded_without_torch(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENCODE, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(3, 4, 6) True"
