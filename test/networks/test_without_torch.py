"""Both halves run where there is no torch."""

import subprocess
import sys
from pathlib import Path

LABEL = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
from pathlib import Path
import numpy as np
from jcc_ros.networks.classifier_model import load_classifier
from jcc_ros.networks.encoder_model import load_encoder
encoder = load_encoder(Path(sys.argv[1]))
latent = encoder.latent(np.zeros((48, 64, 3), np.uint8))
packet = encoder.codec.encode(latent, 0)
classifier = load_classifier(Path(sys.argv[1]))
scores = classifier.scores(classifier.codec.decode(packet)[None], packet.point)
print(latent.shape, scores.shape, len(packet.to_bytes()) > 0)
"""


def test_an_image_is_encoded_and_labelled_without_torch(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LABEL, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(3, 4, 6) (1, 4) True"
