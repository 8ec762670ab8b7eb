"""Curves for TensorBoard, as bytes of its event files.

What TensorBoard's own writer cannot write fails in a thread, which names no file.
"""

import time
from collections.abc import Mapping
from io import BytesIO


def points(epoch: int, values: Mapping[str, float], begin: bool) -> bytes:
    """Return what to append to an event file: one point of each curve.

    Args:
        epoch: of the points.
        values: by the names of the curves.
        begin: a file; from this epoch on, it replaces what files before it say.
    """
    # Slow to import, and whoever only reads a run's folder does not need it.
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    now, written = time.time(), BytesIO()
    curves = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    events = [Event(wall_time=now, step=epoch, summary=Summary(value=curves))]
    if begin:
        start = SessionLog(status=SessionLog.START)
        events.insert(0, Event(wall_time=now, step=epoch, file_version="brain.Event:2"))
        events.insert(1, Event(wall_time=now, step=epoch, session_log=start))
    writer = RecordWriter(written)
    for event in events:
        writer.write(event.SerializeToString())
    return written.getvalue()
