"""Rate-accuracy points that others have published, for pictures of ours to stand beside."""

from jcc_ros.datasets.images import LabelledImages
from jcc_ros.evaluation.curves import Curve

_VAE = (
    "L. D. Chamain, S. Qi, Z. Ding, End-to-End Image Classification and Compression With "
    "Variational Autoencoders, IEEE Internet of Things Journal 9 (21), 2022, "
    "doi:10.1109/JIOT.2022.3182313"
)
_READ = "read off a figure by eye, accuracy within 0.2 points"


def _curve(name: str, *points: tuple[float, float]) -> Curve:
    fractions = tuple((bits, percent / 100) for bits, percent in points)
    return Curve(name, "published", f"{_VAE}; {_READ}", fractions)


CIFAR10 = (
    _curve("VAE classifier, AE-V1", (819, 87.2), (1372, 87.7), (2140, 88.1)),
    _curve("VAE classifier, AE-V2", (840, 87.4), (1485, 88.3), (1925, 88.5)),
    _curve("JPEG 4:2:0 + classifier", (799, 77.2), (1075, 81.6), (1843, 85.5), (2376, 86.7)),
    _curve("WebP + classifier", (922, 80.5), (1679, 85.4), (2417, 88.6)),
    _curve("BPG + classifier", (870, 81.0), (1341, 86.7), (2048, 89.2)),
)
CIFAR100 = (
    _curve("VAE classifier, AE-V1", (906, 63.1), (1475, 64.1), (1843, 64.1)),
    _curve("VAE classifier, AE-V2", (850, 60.4), (1393, 62.3), (1987, 62.9)),
    _curve("JPEG 4:2:0 + classifier", (788, 48.1), (1075, 52.6), (1833, 58.7), (2365, 59.7)),
    _curve("WebP + classifier", (860, 55.0), (1219, 59.2), (2345, 64.7)),
    _curve("BPG + classifier", (870, 52.8), (1341, 60.4), (2048, 63.7)),
)

_CIFAR10_CLASSES = {"airplane", "automobile", "frog", "horse", "ship", "truck"}
_CIFAR100_CLASSES = {"aquarium_fish", "chimpanzee", "lawn_mower", "maple_tree", "willow_tree"}


def published_for(data: LabelledImages) -> tuple[Curve, ...]:
    """Return the curves that were measured on the same data set, known by its classes."""
    names = set(data.classes)
    if len(names) == 10 and names >= _CIFAR10_CLASSES:
        return CIFAR10
    if len(names) == 100 and names >= _CIFAR100_CLASSES:
        return CIFAR100
    return ()
