"""How fast, and in how much memory, `jcc bag` reads large bags.

    .venv/bin/python test/benchmark_bag.py            # a bag of 2 GB, 20,000 latents

Each measurement is a `jcc bag` of its own: start, report and plots included.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from recordings import PERIOD, START, TO_IMAGE, Recording
from rosbags.rosbag2 import StoragePlugin, Writer

from jcc_ros.datasets import ros_types
from jcc_ros.datasets.digits import digits
from jcc_ros.networks.model import load_model

MODEL = Path(__file__).parents[1] / "models" / "digits"
HEIGHT, WIDTH = 480, 640


def write(path: Path, images: int, latents: int, model: Path) -> float:
    """Write a bag message by message; return its seconds."""
    make = Recording()
    torch.set_num_threads(1)
    encoder, _ = load_model(model)
    data = digits("test")
    frames = [cv2.resize(image, (WIDTH, HEIGHT)) for image in data.images[:30]]
    point = len(encoder.codec.ladder) - 1
    packets = [encoder.codec.encode(encoder.latent(f), point).to_bytes() for f in frames]
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=make.store)
            for topic, kind in (
                ("/image_raw", ros_types.IMAGE),
                ("/image_raw/truth", ros_types.CLASSIFICATION),
                ("/image_raw/latent", ros_types.LATENT),
                ("/image_raw/labels", ros_types.CLASSIFICATION),
            )
        }
        for index in range(max(images, latents)):
            stamp, turn = START + index * PERIOD, index % len(frames)
            label = data.classes[data.labels[turn]]
            make.truth(stamp, label)
            if index < images:
                make.image(stamp, np.ascontiguousarray(frames[turn]))
            if index < latents:
                make.latent(stamp, packets[turn])
                make.classification(stamp, [label], [0.9], point=point)
            for time_of, topic, kind, message in make.messages:
                data_of = bytes(make.store.serialize_cdr(message, kind))
                writer.write(connections[topic], time_of, data_of)
            make.messages.clear()
    return (max(images, latents) * PERIOD + TO_IMAGE) / 1e9


def measure(bag: Path, seconds: float, frames: int, *words: object) -> None:
    """Run `jcc bag` on a bag and print what it took."""
    out = bag.parent / "out"
    command = [sys.executable, "-m", "jcc_ros.commands.cli", "bag", bag, "--out", out, *words]
    started = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - started
    assert os.waitstatus_to_exitcode(status) == 0
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"{took:7.1f} s, CPU {cpu:6.1f} s, {seconds / took:6.1f} x real time, "
        f"{frames / took:7.0f} frames/s, {usage.ru_maxrss / 1024:5.0f} MB resident   "
        f"{' '.join(map(str, words))}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--latents", type=int, default=20_000)
    parser.add_argument("--model", type=Path, default=MODEL)
    args = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}, model {args.model.name}")
    model = ("--model", args.model)
    with tempfile.TemporaryDirectory() as scratch:
        images = round(args.gigabytes * 1e9 / (HEIGHT * WIDTH * 3))
        seconds = write(Path(scratch, "images"), images, 0, args.model)
        size = sum(f.stat().st_size for f in Path(scratch, "images").iterdir()) / 1e9
        print(
            f"images: {images} frames of {WIDTH}x{HEIGHT} at 30 fps, {seconds:.0f} s, {size:.2f} GB"
        )
        bag = Path(scratch, "images")
        measure(bag, seconds, images, *model, "--bitrate", "2000,8000,32000")
        measure(bag, seconds, images, *model, "--points", "all")
        for count in (args.latents // 10, args.latents):
            bag = Path(scratch, f"latents{count}")
            seconds = write(bag, 0, count, args.model)
            print(f"latents: {count} with labels and truth")
            measure(bag, seconds, count, *model)


if __name__ == "__main__":
    main()
