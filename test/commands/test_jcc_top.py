"""The live table of encoders shows what they say, and only shows it."""

from types import SimpleNamespace

from rich.console import Console

from jcc_ros.commands.top import table


def shown(width: int, latency: float = 0.01, frames_sent: int = 50, **texts: str) -> str:
    drop = SimpleNamespace(count=3, reason=texts["reason"])
    numbers = {"bitrate_wire": 7900.0, "operating_point": 11, "expected_accuracy": 0.9}
    numbers |= {"fps_sent": 10.0, "fps_in": 30.0, "payload_bits": 124.0, "frames_sent": frames_sent}
    camera = SimpleNamespace(topic=texts["topic"], dropped=[drop], **numbers)
    status = SimpleNamespace(
        model=texts["model"],
        model_id="abcdef0123",
        limit=texts["limit"],
        bitrate_wire=7900.0,
        bitrate_target=16000.0,
        topics=[camera],
    )
    fleet = SimpleNamespace(robots=lambda: {"/robot/status": status}, latency=lambda topic: latency)
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table(fleet))
    return captured.get()


def test_names_and_reasons_are_no_markup_and_no_commands():
    odd = {"topic": "/cam[bold]", "model": "net[/v2]", "limit": "[red]slow"}
    found = shown(200, **odd, reason="[/odd]\x1b[2J")
    for text in ("net[/v2] abcdef", "[red]slow", "/cam[bold]", "3 [/odd]\\x1b[2J"):
        assert text in found


def test_eighty_columns_show_everything():
    limit = "the target bit rate is too low to send every frame: frames are dropped"
    found = shown(80, topic="/robot1/image_raw", model="digits", limit=limit, reason="rate")
    assert max(map(len, found.splitlines())) <= 80
    assert "…" not in found
    for text in (
        "7.9 of 16.0 kbit/s",
        "accuracy",
        "fps sent/in",
        "10.0/30.0",
        "90 %",
        "10 ms",
        "dropped: 3 rate",
        limit,
    ):
        assert text in found


def test_without_labels_there_is_no_latency():
    texts = {"topic": "/a", "model": "digits", "limit": "", "reason": "rate"}
    assert " –\n" in shown(80, latency=float("nan"), **texts)


def test_a_camera_that_has_sent_nothing_has_no_point():
    texts = {"topic": "/a", "model": "digits", "limit": "", "reason": "rate"}
    (line,) = (line for line in shown(80, frames_sent=0, **texts).splitlines() if "/a" in line)
    assert line.split() == ["/a", "7.9", "–", "–", "10.0/30.0", "–", "10", "ms"]
