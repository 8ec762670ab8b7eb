"""How long frames wait for their parts, and where their pictures are kept."""

import numpy as np

from jcc_ros.evaluation.frames import Album, Frames

SECOND = 10**9  # ns


def test_frames_wait_for_their_horizon():
    frames = Frames(10 * SECOND)
    for index in range(3):
        frames.at("/image_raw", index, now=index * SECOND)
    assert list(frames.complete(10 * SECOND - 1)) == []
    assert [frame.stamp for frame in frames.complete(11 * SECOND)] == [0, 1]
    # Later parts do not make it young again.
    frames.at("/image_raw", 2, now=11 * SECOND)
    assert [frame.stamp for frame in frames.complete(12 * SECOND)] == [2]
    assert list(frames.rest()) == []


def test_a_label_is_late_only_for_a_frame_that_is_complete():
    frames = Frames(10 * SECOND)
    frames.at("/c", 5, now=0).image_time = 0
    frames.at("/c", 3, now=SECOND)  # its stamp is earlier
    assert [frame.stamp for frame in frames.complete(10 * SECOND)] == [5]
    assert [frames.over("/c", stamp) for stamp in (3, 4, 5, 6)] == [False, True, True, False]
    # However fast they come, there is room for so many.
    for stamp in range(10, 20_015):
        frames.at("/c", stamp, now=2 * SECOND)
    assert [frame.stamp for frame in frames.complete(2 * SECOND)] == [3, *range(10, 15)]


def test_pictures_are_copied_and_stay():
    album, rng = Album(), np.random.default_rng(0)
    shapes = [(4, 6, 3)] * 100 + [(6, 4, 3)] * 3 + [(4, 6, 3)]
    pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    kept = [album.keep(picture) for picture in pictures]
    expected = [picture.copy() for picture in pictures]
    for picture in pictures:
        picture[:] = 0
    for found, right in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(found, right)
