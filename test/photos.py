"""Draws photographs of simple things: large, of many sizes, never twice the same.

    python test/photos.py FOLDER [COUNT] [--seed N]

writes COUNT JPEG files (default 120) of each class, 200 to 600 pixels a side, to FOLDER/CLASS.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

Image = np.ndarray
Random = np.random.Generator


def write_photos(folder: Path, counts: dict[str, int], seed: int) -> None:
    """Write `counts[name]` photographs of each class `name` as FOLDER/NAME/INDEX.jpg."""
    random = np.random.default_rng(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            image = _photo(DRAWN[name], random)
            cv2.imwrite(str(folder / name / f"{index:04d}.jpg"), image)


def _photo(draw: Callable[[Image, Random], None], random: Random) -> Image:
    height, width = random.integers(200, 601, 2)
    # A floor in an uneven light.
    coarse = random.integers(40, 216, (4, 4, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
    draw(image, random)
    blurred = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 2.5))
    return np.clip(blurred + random.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def _place(image: Image, random: Random) -> tuple[tuple[int, int], int, tuple[int, ...]]:
    """Return centre, size in pixels, and colour of a thing that lies in the picture."""
    height, width = image.shape[:2]
    size = int(min(height, width) * random.uniform(0.2, 0.38))
    centre = (int(random.integers(size, width - size)), int(random.integers(size, height - size)))
    return centre, size, tuple(random.integers(0, 256, 3).tolist())


def _disc(image: Image, random: Random) -> None:
    centre, size, colour = _place(image, random)
    cv2.circle(image, centre, size, colour, -1, cv2.LINE_AA)


def _ring(image: Image, random: Random) -> None:
    centre, size, colour = _place(image, random)
    cv2.circle(image, centre, int(size * 0.8), colour, int(size * 0.4), cv2.LINE_AA)


def _polygon(image: Image, random: Random, corners: int, reach: Callable[[int], float]) -> None:
    centre, size, colour = _place(image, random)
    angle = random.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
    far = size * np.array([reach(corner) for corner in range(corners)])
    points = np.stack([np.cos(angle) * far, np.sin(angle) * far], axis=1) + centre
    cv2.fillPoly(image, [points.astype(np.int32)], colour, cv2.LINE_AA)


def _square(image: Image, random: Random) -> None:
    _polygon(image, random, 4, lambda corner: 1.2)


def _star(image: Image, random: Random) -> None:
    _polygon(image, random, 10, lambda corner: 1.3 if corner % 2 else 0.5)


def _stripes(image: Image, random: Random) -> None:
    centre, size, colour = _place(image, random)
    along = np.array([np.cos(a := random.uniform(0, np.pi)), np.sin(a)])
    across = np.array([-along[1], along[0]]) * size * 0.8
    for shift in np.linspace(-1, 1, 4):
        middle = centre + across * shift
        ends = [tuple((middle + side * size * along).astype(int).tolist()) for side in (-1, 1)]
        cv2.line(image, *ends, colour, max(3, size // 5), cv2.LINE_AA)


DRAWN = {"disc": _disc, "ring": _ring, "square": _square, "star": _star, "stripes": _stripes}

if __name__ == "__main__":
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="must not exist")
    parser.add_argument("count", type=int, nargs="?", default=120, help="of each class")
    parser.add_argument("--seed", type=int, default=0, help="another one draws others")
    args = parser.parse_args()
    if args.folder.exists():
        sys.exit(f"{args.folder} exists already")
    write_photos(args.folder, dict.fromkeys(DRAWN, args.count), args.seed)
