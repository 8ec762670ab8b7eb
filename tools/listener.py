#!/usr/bin/env python3
"""Draws images from latents, as a listener would who has pairs of both: listener.py MODEL DATA.npz

Four fifths of DATA are the listener's; the table is the mean PSNR on the others.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor

from jcc_ros.datasets.files import load
from jcc_ros.evaluation.evaluate import encode_images
from jcc_ros.evaluation.workers import workers
from jcc_ros.networks.model import load_model

HIDDEN = 512  # units of the small network


def main(folder: Path, file: Path) -> None:
    encoder, _ = load_model(folder)
    data = load(file, encoder.network.config.input)
    data = data.sample(len(data), seed=0)
    with workers() as pool:
        latents = encode_images(encoder, data.images, pool)
    pixels = data.images.reshape(len(data), -1) / 255
    own = 4 * len(data) // 5
    print(f"{encoder.name}: {own} images of {file} to learn from, {len(data) - own} others to draw")
    print("| latents | linear map | small network |\n| --- | --- | --- |")
    mean = np.broadcast_to(pixels[:own].mean(axis=0), pixels[own:].shape)
    print(f"| none: the mean of all images | {psnr(mean, pixels[own:]):.1f} dB | |")
    last = len(encoder.codec.ladder) - 1
    for point in (0, last // 2, last):
        sent = encoder.codec.received(latents, point).reshape(len(data), -1)
        drawn = []
        for regression in (
            Ridge(alpha=1.0),
            MLPRegressor(
                hidden_layer_sizes=(HIDDEN,), early_stopping=True, tol=1e-6, random_state=0
            ),
        ):
            regression.fit(sent[:own], pixels[:own])
            drawn.append(psnr(regression.predict(sent[own:]), pixels[own:]))
        about = f"operating point {point}, {encoder.codec.ladder[point].bits:.0f} bits"
        print(f"| {about} | {drawn[0]:.1f} dB | {drawn[1]:.1f} dB |")


def psnr(drawn: NDArray[np.float64], pixels: NDArray[np.float64]) -> float:
    """Return the mean over images [N, values], of values in 0 .. 1, in dB."""
    error = np.square(drawn.clip(0, 1) - pixels).mean(axis=1)
    return float(np.mean(-10 * np.log10(error)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
