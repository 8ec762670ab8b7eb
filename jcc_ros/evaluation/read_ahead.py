"""Messages of a bag in order, while the images of the next ones are already worked on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from jcc_ros.datasets.ros_types import COMPRESSED_IMAGE, IMAGE
from jcc_ros.evaluation.bags import Recorded

_HELD_BACK = 1000  # messages that may wait for images before them

Prepared = TypeVar("Prepared")


def ahead(
    messages: Iterable[Recorded],
    prepare: Callable[[Recorded], Prepared],
    pool: Executor,
    most: int,
) -> Iterator[tuple[Recorded, Prepared | None]]:
    """Yield every message, and of images what was prepared; of these the header alone is kept.

    Args:
        prepare: what costs time on an image, done by a thread of the pool.
        most: images that may be under way.
    """
    waiting: deque[tuple[Recorded, Future[Prepared] | None]] = deque()
    images = 0
    for recorded in messages:
        is_image = recorded.kind in (IMAGE, COMPRESSED_IMAGE)
        future = pool.submit(prepare, recorded) if is_image else None
        images += is_image
        # The pixels stay with the future alone.
        kept = (
            Recorded(recorded.kind, recorded.topic, recorded.time, recorded.message.header)
            if is_image
            else recorded
        )
        waiting.append((kept, future))
        while waiting and (
            images > most
            or len(waiting) > _HELD_BACK
            or waiting[0][1] is None
            or waiting[0][1].done()
        ):
            first, future = waiting.popleft()
            images -= future is not None
            yield first, None if future is None else future.result()
    for first, future in waiting:
        yield first, None if future is None else future.result()
