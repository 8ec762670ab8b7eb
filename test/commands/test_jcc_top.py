"""The live table of encoders shows what they say, and only shows it."""

from types import SimpleNamespace

from rich.console import Console

from jcc_ros.commands.top import table


def test_names_and_reasons_are_no_markup_and_no_commands():
    drop = SimpleNamespace(count=3, reason="[/odd]\x1b[2J")
    numbers = {"bitrate_wire": 0.0, "operating_point": 1, "expected_accuracy": 0.9}
    numbers |= {"fps_sent": 1.0, "fps_in": 2.0, "payload_bits": 24.0}
    camera = SimpleNamespace(topic="/cam[bold]", dropped=[drop], **numbers)
    status = SimpleNamespace(
        model="net[/v2]",
        model_id="abcdef0123",
        limit="[red]slow",
        bitrate_wire=1000.0,
        bitrate_target=0.0,
        topics=[camera],
    )
    fleet = SimpleNamespace(robots=lambda: {"/robot/status": status}, latency=lambda topic: 0.01)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(table(fleet))
    for text in ("net[/v2] abcdef", "[red]slow", "/cam[bold]", "3 [/odd]\\x1b[2J"):
        assert text in shown.get()
