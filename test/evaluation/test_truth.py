"""Which label a frame gets, from tables, topics and folders."""

from dataclasses import replace

import pytest
from recordings import PERIOD, START, Recording, drive

from jcc_ros.datasets.images import DataError
from jcc_ros.evaluation.examine import examine
from jcc_ros.evaluation.frames import Frame
from jcc_ros.evaluation.truth import TopicTruth, folder_truth
from jcc_ros.evaluation.truth_table import read_table

ORIGIN = START + 5  # of the bag


def labels(file, text: str, *stamps: int, origin: int = ORIGIN) -> list[str | None]:
    file.write_text(text)
    table = read_table(file, origin)
    return [table.of(Frame("/c", stamp, image_time=stamp)) for stamp in stamps]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "labels.csv"


@pytest.mark.parametrize("heading", ["", "\ufeff", "stamp,label\n", "# by hand\nStamp, Class\n\n"])
def test_stamps_in_nanoseconds_are_exact(file, heading):
    text = f"{heading}{START + PERIOD},dog\n{START},cat\n{START},cat\n"
    stamps = (START, START + PERIOD, START + 1, START - 1, START + 5 * PERIOD)
    assert labels(file, text, *stamps) == ["cat", "dog", None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        "label,start,end\n8,1,2.5\n",
        "To,Class,From\n2.5,8,1\n",
        "end,start,label\n2.5,1,8\n",
        "start,end,label\n1,2.5,8\n",
    ],
)
def test_columns_of_spans_are_found_by_their_names(file, text):
    stamps = [ORIGIN + second * 10**9 for second in (0, 1, 2, 3)]
    assert labels(file, text, *stamps) == [None, "8", "8", None]


def test_columns_of_stamps_are_found_by_their_names(file):
    stamps = (ORIGIN + 3 * 10**9, ORIGIN + 35 * 10**8)
    for heading in ("label,stamp", "class,time"):
        assert labels(file, f"{heading}\n3,3.5\n", *stamps) == [None, "3"]


def test_a_label_may_hold_a_semicolon(file):
    assert labels(file, "0,1,cat;dog\n", ORIGIN) == ["cat;dog"]


def test_stamps_in_seconds_are_as_exact_as_their_digits(file):
    text = "stamp,label\n1700000000.000,cat\n1700000000.033,dog\n1700000001,fox\n"
    stamps = (START, START + PERIOD, START + 400_000, START + 40_000_000, START + 10**9)
    assert labels(file, text, *stamps) == ["cat", "dog", "cat", None, "fox"]


def test_spans_hold_until_just_before_their_end(file):
    text = "start,end,label\n1700000001,1700000002.5,dog\n1700000000,1700000001,cat\n"
    stamps = (START - 1, START, START + 10**9 - 1, START + 10**9, START + 25 * 10**8)
    assert labels(file, text, *stamps) == [None, "cat", "cat", "dog", None]


def test_spans_of_one_label_may_overlap(file):
    text = "start,end,label\n0,5,cat\n2,3,cat\n4,6,cat\n6,7,dog\n"
    stamps = [ORIGIN + second * 10**9 for second in (1, 2, 3, 4, 5, 6, 7)]
    assert labels(file, text, *stamps) == [*["cat"] * 5, "dog", None]


def test_small_times_count_from_the_start_of_the_bag(file):
    text = "start,end,label\n0,1.5,cat\n1.5,9,dog\n"
    stamps = (ORIGIN, ORIGIN + 15 * 10**8 - 1, ORIGIN + 15 * 10**8)
    assert labels(file, text, *stamps) == ["cat", "cat", "dog"]


def test_a_span_from_0_holds_for_what_was_on_its_way_when_the_bag_began(file):
    text = "start,end,label\n0,1.5,cat\n"
    assert labels(file, text, ORIGIN - 10**9, ORIGIN - 10**9 - 1) == ["cat", None]


def test_frames_without_a_stamp_are_labelled_by_when_they_were_recorded(file):
    file.write_text("start,end,label\n0,1.5,cat\n1.5,9,dog\n")
    truth = read_table(file, ORIGIN)
    frames = [Frame("/image_raw", 0, image_time=ORIGIN + s * 10**9) for s in (1, 2)]
    assert [truth.of(frame) for frame in frames] == ["cat", "dog"]


def test_small_times_are_stamps_in_a_simulation(file):
    text = "start,end,label\n0,1.5,cat\n1.5,9,dog\n"
    assert labels(file, text, 10**9, 2 * 10**9) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no labels"),
        ("stamp,label\n", "no labels"),
        (
            "stamp,label\n1,cat\nsoon,dog\n",
            ":3: 'soon' is not a time in s or ns; expected stamp,label",
        ),
        ("stamp,label\n1,cat\n2,3,dog\n", ":3: 3 columns, expected 2"),
        ("a,b,c,d\n", ":1: 4 columns, expected stamp,label or start,end,label"),
        ("cat\n", ":1: 1 column, expected stamp,label"),
        ("1,cat\n2\n", ":2: 1 column, expected 2"),
        ("stamp,label,note\n1,cat,x\n", ":1: unknown column 'note', expected stamp,label or"),
        ("Label,begin,end\ncat,1,2\n", ":1: unknown column 'begin'"),
        ("stamp,time\n1,2\n", ":1: 'stamp' and 'time' are the same column"),
        ("label,stamp,label\ncat,1,cat\n", ":1: 'label' and 'label' are the same column"),
        ("label,end\ncat,1\n", ":1: no column start, expected"),
        ("start,end\n1,2\n", ":1: no column label, expected"),
        ("label\ncat\n", ":1: no column stamp, expected"),
        ("label,stamp,start,end\ncat,1,1,2\n", ":1: both a stamp and a span"),
        ("start;end;label\n1;2;cat\n", ":1: the columns are separated by semicolons: use commas"),
        ("1,5;2,5;cat\n", ":1: the columns are separated by semicolons"),
        ("stamp\tlabel\n1\tcat\n", ":1: the columns are separated by tabs: use commas"),
        ("start,end,label\n2,1,cat\n", ":2: the span does not end after it starts"),
        ("start,end,label\n2,2,cat\n", ":2: the span does not end after it starts"),
        ("start,end,label\n1,3,cat\n2,4,dog\n", "'cat' and 'dog' overlap at 2.000 s"),
        ("stamp,label\n1,cat\n2,dog\n2.0,fox\n", "two labels, 'dog' and 'fox', at 2000000000 ns"),
        ("stamp,label\nnan,cat\n", "not a time"),
        ("stamp,label\n1e99999999,cat\n", ":2: .*is not a time"),
        ("start,end,label\n1,3,cat\n1.5,2,cat\n2.5,4,dog\n", "'cat' and 'dog' overlap at 2.5"),
        ("stamp,label\n1,\n", ":2: label '': expected 1 to"),
        ('stamp,label\n1,"a\nb"\n', "printable characters"),
    ],
)
def test_wrong_tables_are_refused(file, text, reason):
    file.write_text(text)
    with pytest.raises(DataError, match=f"labels.csv.*{reason}|labels.csv{reason}"):
        read_table(file, 0)


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", 3), ("utf-16", 1)])
def test_tables_in_another_encoding_are_refused(file, encoding, line):
    file.write_text("stamp,label\n1,cat\n2,Käfer\n", encoding=encoding)
    with pytest.raises(DataError, match=rf"labels\.csv:{line}: not in UTF-8; save"):
        read_table(file, 0)


def test_missing_table(file):
    with pytest.raises(DataError, match=r"labels\.csv"):
        read_table(file, 0)


def test_label_topic_holds_until_the_next_message():
    truth = TopicTruth()
    for time, label in ((START, "cat"), (START + 50, "cat"), (START + 100, "dog")):
        truth.hold(time, label)
    truth.hold(START + 200, "")
    stamps = (START - 1, START, START + 99, START + 100, START + 200)
    found = [truth.of(Frame("/c", stamp, image_time=stamp)) for stamp in stamps]
    assert found == [None, "cat", "cat", "dog", None]


def test_label_of_the_frame_itself_goes_first():
    truth = TopicTruth()
    truth.hold(START, "cat")
    assert truth.of(Frame("/c", START, recorded_truth="dog")) == "dog"
    assert truth.of(Frame("/c", START, recorded_truth="")) is None


def test_label_topic_with_stamps_of_a_simulation():
    truth = TopicTruth()
    truth.hold(START, "cat")
    assert truth.of(Frame("/c", 5 * 10**9, latent_time=START + 1)) == "cat"


def test_folder(tmp_path):
    bag = tmp_path / "dog" / "rosbag2_2026"
    bag.mkdir(parents=True)
    assert folder_truth(bag, ["cat", "dog"]).label == "dog"
    (bag / "cat.mcap").touch()
    assert folder_truth(bag / "cat.mcap", ["cat", "dog"]).label == "cat"
    assert folder_truth(tmp_path / "dog" / "1" / "2" / "bag", ["dog"]).label == "dog"
    for far in (bag, tmp_path / "fox" / "1" / "2" / "3" / "bag"):
        with pytest.raises(DataError, match=r"no folder around it is named after a class \(fox\)"):
            folder_truth(far, ["fox"])


@pytest.fixture(scope="module")
def unlabelled(tiny_halves, seen):
    """40 frames of which nobody knows what they show."""
    return drive(tiny_halves, seen, 40, truth=False)


def judged(result):
    return result.topics["/image_raw"].tracks["again"]


def test_every_source_in_a_bag(unlabelled, options, tmp_path, file):
    bag = unlabelled.write(tmp_path / "7" / "bag")
    assert judged(examine(bag, options)).judged == 0
    file.write_text("start,end,label\n1700000000,1700000000.5,3\n")
    by_table = judged(examine(bag, replace(options, labels=file)))
    assert {truth for truth, _ in by_table.confusion} == {"3"}
    assert by_table.judged == 16
    by_folder = judged(examine(bag, replace(options, label_folder=True)))
    assert {truth for truth, _ in by_folder.confusion} == {"7"}
    assert by_folder.judged == 40


def test_topics_in_a_bag(unlabelled, options, tmp_path):
    recording = Recording(list(unlabelled.messages))
    recording.text(START, "/said", "3")
    recording.text(START + 20 * PERIOD, "/said", "5")
    for index in range(40):
        recording.truth(START + index * PERIOD, "8", topic="/operator")
    bag = recording.write(tmp_path / "bag")
    said = judged(examine(bag, replace(options, label_topic="/said")))
    counts = {name: sum(n for (t, _), n in said.confusion.items() if t == name) for name in "35"}
    assert counts == {"3": 20, "5": 20}
    operator = judged(examine(bag, replace(options, label_topic="/operator")))
    assert {truth for truth, _ in operator.confusion} == {"8"}
    assert operator.judged == 40
    with pytest.raises(DataError, match=r"no labels on /nobody.*/said"):
        examine(bag, replace(options, label_topic="/nobody"))


def test_table_that_labels_nothing_is_noted(unlabelled, options, tmp_path, file):
    bag = unlabelled.write(tmp_path / "bag")
    file.write_text("start,end,label\n100,200.5,3\n")
    (note,) = examine(bag, replace(options, labels=file)).notes
    assert note == (
        f"{file} labels none of the frames; its times go from 100.000 to 200.500 s, "
        "the frames' stamps from -0.005 to 1.295 s"
    )


def test_truth_of_another_camera_is_not_everybodys(unlabelled, options, tmp_path):
    recording = Recording(list(unlabelled.messages))
    front = [(t, x.replace("image_raw", "front"), k, m) for t, x, k, m in recording.messages]
    recording.messages += front
    for index in range(40):
        recording.truth(START + index * PERIOD, "8", topic="/rear/truth")
    bag = recording.write(tmp_path / "bag")
    by_name = examine(bag, options).topics
    assert [topic.tracks["again"].judged for topic in by_name.values()] == [0, 0]
    asked = examine(bag, replace(options, label_topic="/rear/truth")).topics
    assert [topic.tracks["again"].judged for topic in asked.values()] == [40, 40]
