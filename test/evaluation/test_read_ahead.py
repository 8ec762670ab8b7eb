"""Images are worked on ahead of their turn, and nothing piles up behind them."""

from concurrent.futures import Future
from types import SimpleNamespace

from jcc_ros.datasets.ros_types import CLASSIFICATION, IMAGE
from jcc_ros.evaluation.bags import Recorded
from jcc_ros.evaluation.read_ahead import ahead
from jcc_ros.evaluation.workers import workers


def recorded(kind: str, number: int) -> Recorded:
    return Recorded(kind, "/image_raw", number, SimpleNamespace(header=number))


class Idle:
    """A pool that takes its time until somebody waits for the result."""

    def __init__(self) -> None:
        self.begun = 0

    def submit(self, prepare, message) -> Future:
        self.begun += 1
        future = Future()
        future.result = lambda: prepare(message)
        return future


def test_every_message_in_order_and_of_images_what_was_prepared():
    messages = [recorded((CLASSIFICATION, IMAGE)[n % 3 == 0], n) for n in range(50)]
    with workers(3) as pool:
        found = list(ahead(messages, lambda message: -message.time, pool, most=4))
    assert [message.time for message, _ in found] == list(range(50))
    assert [prepared for _, prepared in found] == [None if n % 3 else -n for n in range(50)]
    # Of an image, whose pixels are large, nothing but the header stays.
    assert [message.message for message, _ in found[::3]] == list(range(0, 50, 3))
    assert all(message is messages[n] for n, (message, _) in enumerate(found) if n % 3)


def test_no_more_images_are_under_way_than_asked_for():
    pool = Idle()
    messages = (recorded(IMAGE, number) for number in range(100))
    for taken, _ in enumerate(ahead(messages, lambda message: 0, pool, most=4), 1):
        assert pool.begun - taken <= 4
    assert pool.begun == 100


def test_messages_do_not_pile_up_behind_the_last_image():
    read, most = 0, 0

    def messages():
        nonlocal read
        for number in range(6000):
            read += 1
            yield recorded(CLASSIFICATION if number else IMAGE, number)

    for taken, _ in enumerate(ahead(messages(), lambda message: 0, Idle(), most=2), 1):
        most = max(most, read - taken)
    assert read == 6000
    assert 0 < most <= 1001
