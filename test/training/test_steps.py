"""Steps run one by one give what the whole run gives; what they need and may change is checked."""

import pytest
from variants import equal

from jcc_ros.networks.model import load_model
from jcc_ros.training.config import STEPS
from jcc_ros.training.errors import RunError


def test_step_by_step_equals_the_whole_run(steps):
    steps.run("whole")
    for step in STEPS:
        steps.run("single", only=step)
    assert equal(steps.model("single"), steps.model("whole"))
    assert steps.log("single") == steps.log("whole")


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_step_needs_the_one_before_it(steps, step):
    before = STEPS[: STEPS.index(step) - 1]
    for done in before:
        steps.run("single", only=done)
    missing = STEPS[STEPS.index(step) - 1]
    refused = f"{step} needs the result of {missing}, which is missing; run --only {missing} first"
    with pytest.raises(RunError, match=refused):
        steps.run("single", only=step)


def test_a_step_before_that_is_not_as_asked_for_is_told(steps, monkeypatch):
    del steps.page["teach"], steps.page["represent"], steps.page["screen"]
    steps.interrupt("run", "finetune", monkeypatch)
    refused = "calibrate needs the result of finetune, which"
    with pytest.raises(RunError, match=f"{refused} is unfinished; go on with --only finetune"):
        steps.run("run", only="calibrate")
    steps.run("run", resume=True)
    made = r"was made with finetune\.epochs 2, but now it is 1; change it back, or run --only"
    with pytest.raises(RunError, match=f"{refused} {made} finetune again first"):
        steps.run("run", only="calibrate", finetune={"epochs": 1})


def test_repeated_step_may_change_and_later_ones_are_due_again(steps):
    steps.run("run")
    before = steps.model("run")
    steps.run("run", only="finetune", finetune={"rate_weight": 0.01})
    with pytest.raises(RunError, match=r"configuration\.represent\.invariance"):
        steps.run("run", only="finetune", represent={"invariance": 0.5})
    steps.page["finetune"]["rate_weight"] = 0.01
    assert equal(steps.model("run"), before)  # until it is calibrated
    steps.run("run", only="calibrate")
    assert not equal(steps.model("run"), before)
    steps.run("whole")
    assert equal(steps.model("run"), steps.model("whole"))
    steps.run("run", only="represent", represent={"invariance": 0.5})
    with pytest.raises(RunError, match="calibrate needs the result of screen"):
        steps.run("run", only="calibrate", represent={"invariance": 0.5})


def test_classifier_may_change_with_finetune(steps):
    steps.run("run")
    steps.run("run", only="finetune", classifier={"width": 20})
    with pytest.raises(RunError, match=r"configuration\.classifier\.width"):
        steps.run("run", only="calibrate", classifier={"width": 24})


def test_repeated_step_resumes(steps, monkeypatch):
    steps.run("whole")
    steps.interrupt("broken", "finetune", monkeypatch)
    steps.run("broken", only="finetune", resume=True)
    steps.run("broken", only="calibrate")
    assert equal(steps.model("broken"), steps.model("whole"))


def test_chosen_dimension_is_that_of_the_model(steps):
    steps.run("run", screen={"tolerance": 0.5, "least": 3})
    encoder, classifier = load_model(steps.out("run"))
    channels = encoder.network.config.channels
    assert 3 <= channels < 6
    assert classifier.network.config.channels == channels
    assert (steps.place("run").folder / "screen.png").stat().st_size > 1000
    assert [line["channels"] for line in steps.log("run") if line["stage"] == "screen"] == [
        channels
    ]


def test_represent_alone_keeps_its_channels(steps):
    del steps.page["screen"]
    steps.run("run")
    assert load_model(steps.out("run"))[0].network.config.channels == 6


def test_teacher_learns_and_changes_its_pupil(steps):
    steps.page["teach"] |= {"epochs": 12, "batch": 32, "learning_rate": 0.05}
    steps.run("taught")
    curve = [
        line["validation_accuracy"] for line in steps.log("taught") if line["stage"] == "teach"
    ]
    assert curve[-1] > 0.6 > curve[0]
    del steps.page["teach"]
    steps.run("alone")
    assert not equal(steps.model("taught"), steps.model("alone"))


def test_a_teacher_is_taken_over(steps, monkeypatch):
    steps.run("own", seed=3)
    steps.run("teacher", only="teach", seed=3)
    monkeypatch.setattr("jcc_ros.training.teach.Teaching.loss", None)  # learns no more
    steps.run("borrowed", teacher="teacher", seed=3)
    assert equal(steps.model("own"), steps.model("borrowed"))


def test_the_command_that_made_a_teacher_is_told(steps):
    del steps.page["represent"], steps.page["screen"]
    steps.run("teacher", only="teach", command="jcc train teacher")
    steps.run("pupil", teacher="teacher", command="jcc train pupil")
    encoder, classifier = load_model(steps.out("pupil"))
    for half in encoder, classifier:
        assert half.provenance["earlier"] == ["jcc train teacher"]
        assert half.provenance["command"] == "jcc train pupil"


def test_a_teacher_of_something_else_is_refused(steps):
    steps.run("first")
    before = steps.log("first")
    with pytest.raises(RunError, match="no such folder; give that of the run whose teach is"):
        steps.run("first", teacher="teacher")
    steps.place("teacher").folder.mkdir(parents=True)
    with pytest.raises(RunError, match="no checkpoint of teach; run that step there first"):
        steps.run("first", teacher="teacher")
    assert steps.log("first") == before  # a typo costs nothing
    steps.run("teacher", only="teach")
    with pytest.raises(RunError, match=r"configuration\.teach\.width 8, but here it is 16"):
        steps.run("wider", teacher="teacher", teach={"width": 16})
    steps.data = steps.data.sample(390, seed=1)
    with pytest.raises(RunError, match=r"data\.sha256"):
        steps.run("other", teacher="teacher")


def test_an_unfinished_teacher_is_not_lent(steps, monkeypatch):
    steps.interrupt("teacher", "teach", monkeypatch)
    with pytest.raises(RunError, match=r"teacher has not finished training; finish it there"):
        steps.run("pupil", teacher="teacher")
    assert not steps.place("pupil").folder.exists()


def test_a_training_may_keep_its_own_teacher(steps, monkeypatch):
    steps.run("run")
    monkeypatch.setattr("jcc_ros.training.teach.Teaching.loss", None)
    steps.run("run", teacher="run", finetune={"epochs": 3})
    assert [line["epoch"] for line in steps.log("run") if line["stage"] == "finetune"] == [1, 2, 3]


def test_one_step_with_the_teacher_of_another_training(steps):
    del steps.page["represent"], steps.page["screen"]
    steps.run("teacher", only="teach")
    steps.run("pupil", only="finetune", teacher="teacher")
    steps.run("pupil", only="calibrate")
    steps.run("whole")
    assert equal(steps.model("pupil"), steps.model("whole"))


def test_a_run_that_is_refused_keeps_its_own_teacher(steps, monkeypatch):
    del steps.page["represent"], steps.page["screen"]
    steps.run("teacher", only="teach")
    steps.interrupt("run", "teach", monkeypatch)
    before = steps.place("run").checkpoint("teach").read_bytes()
    with pytest.raises(RunError, match=r"began with configuration\.seed 0, but now it is 5"):
        steps.run("run", only="finetune", teacher="teacher", seed=5)
    assert steps.place("run").checkpoint("teach").read_bytes() == before


def test_an_unfinished_teacher_gives_way_to_a_lent_one(steps, monkeypatch):
    steps.run("teacher", only="teach")
    steps.interrupt("broken", "teach", monkeypatch)
    monkeypatch.setattr("jcc_ros.training.teach.Teaching.loss", None)
    steps.run("broken", resume=True, teacher="teacher")
    assert not [line for line in steps.log("broken") if line["stage"] == "teach"]


def test_a_teacher_is_not_lent_in_vain(steps, monkeypatch):
    del steps.page["represent"], steps.page["screen"]
    steps.run("teacher", only="teach", seed=3)
    steps.run("run", only="teach")
    before = steps.log("run")
    for other in "teacher", "gone":
        for step in {"only": "finetune"}, {"resume": True}:
            refused = f"finished teacher already, and it is not that of .*{other}.*; leave out"
            with pytest.raises(RunError, match=refused):
                steps.run("run", **step, teacher=other)
    assert steps.log("run") == before
    # The same command again, once its teacher is taken over.
    monkeypatch.setattr("jcc_ros.training.teach.Teaching.loss", None)
    for step in "finetune", "calibrate":
        steps.run("pupil", only=step, teacher="teacher")
    assert (steps.out("pupil") / "encoder.safetensors").is_file()
