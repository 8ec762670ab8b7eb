"""Many bags: in this process, in several, and on a local cluster, with one result."""

import os
import sys
from dataclasses import replace

import pytest
from recordings import drive

from jcc_ros.evaluation import engine
from jcc_ros.evaluation.engine import EngineError, examine_all, examine_on_dask
from jcc_ros.evaluation.result import BagResult
from jcc_ros.evaluation.summary import summarize


@pytest.fixture(scope="module")
def bags(tiny_halves, seen, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    for index, count in enumerate((40, 25)):
        drive(tiny_halves, seen, count, images=True).write(folder / f"bag{index}")
    (folder / "broken.mcap").write_bytes(b"\x89MCAP0\r\n and no more")
    return [folder / "bag0", folder / "broken.mcap", folder / "bag1"]


def works(bags, options, out):
    options = replace(options, bitrates=(8000.0,))
    return [(bag, replace(options, out=out / bag.name)) for bag in bags]


def outcome(results, bags, out):
    """Everything that is reported, by bag in the order asked for."""
    by_path = {result.path: result for result in results}
    rows = [(out / bag.name / "frames.csv") for bag in bags if not by_path[bag].error]
    return summarize([by_path[bag] for bag in bags]), [file.read_bytes() for file in rows]


@pytest.fixture(scope="module")
def alone(bags, tiny_model, tmp_path_factory):
    from jcc_ros.evaluation.plan import Options

    out = tmp_path_factory.mktemp("alone")
    told = []
    results = examine_all(works(bags, Options(models=(tiny_model,)), out), 1, told.append)
    found = outcome(results, bags, out)
    return found, sum(told)


def test_broken_bag_is_reported_and_the_others_go_on(alone, bags):
    (summary, rows), _ = alone
    assert summary["failed"] == 1
    assert str(bags[1]) in summary["bags"][1]["error"]
    assert [bag["error"] for bag in summary["bags"]].count(None) == 2
    assert summary["total"][0]["frames"] == 65
    assert len(rows) == 2


def test_progress_adds_up_to_the_seconds_of_the_bags(alone):
    (summary, _), told = alone
    assert told == pytest.approx(sum(bag.get("seconds", 0) for bag in summary["bags"]))


def test_processes_give_the_same(alone, bags, options, tmp_path):
    told = []
    results = examine_all(works(bags, options, tmp_path), 2, told.append)
    assert outcome(results, bags, tmp_path) == alone[0]
    assert sum(told) == pytest.approx(alone[1])


class Fatal:
    """Ends the process that reads it, as the kernel does where memory runs out."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_process_that_is_killed_costs_its_own_bag_alone(bags, options, tmp_path):
    good, fatal = works(bags, options, tmp_path)[0], tmp_path / "fatal"
    deadly = (fatal, replace(options, models=(Fatal(),)))
    results = examine_all([good, deadly], 2, lambda seconds: None)
    found = {result.path: result for result in results}
    assert "fatal: the process reading it was killed" in found[fatal].error
    assert not found[good[0]].error
    assert found[good[0]].topics


def test_cluster_of_two_workers_gives_the_same(alone, bags, options, tmp_path):
    pytest.importorskip("dask.distributed")
    told = []
    results = examine_on_dask(works(bags, options, tmp_path), 2, None, told.append)
    assert outcome(results, bags, tmp_path) == alone[0]
    assert sum(told) == pytest.approx(alone[1])


def test_running_cluster_is_used(alone, bags, options, tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        few = works(bags[:1], options, tmp_path)
        (result,) = examine_on_dask(few, 2, address, lambda seconds: None)
    assert not result.error
    assert (tmp_path / "bag0" / "report.html").is_file()


def test_missing_scheduler_is_told(bags, options, tmp_path):
    pytest.importorskip("dask.distributed")
    few = works(bags[:1], options, tmp_path)
    with pytest.raises(EngineError, match=r"no scheduler at tcp://127\.0\.0\.1:9"):
        list(examine_on_dask(few, 1, "tcp://127.0.0.1:9", lambda s: None, patience=1))


def test_a_worker_that_is_killed_costs_its_own_bag_alone(bags, options, tmp_path, monkeypatch):
    dask, distributed = (pytest.importorskip(name) for name in ("dask", "dask.distributed"))
    good, deadly = works([bags[0], bags[2]], options, tmp_path)

    def examine_one(work):
        return os._exit(9) if work == deadly else BagResult(work[0], seconds=1.0)

    monkeypatch.setattr(engine, "examine_one", examine_one)
    settings = {"distributed.scheduler.allowed-failures": 0}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
    ):
        results = examine_on_dask([good, deadly], 1, two.scheduler_address, lambda seconds: None)
        found = {result.path: result.error for result in results}
    assert found.pop(deadly[0]).startswith(f"{deadly[0]}: KilledWorker: ")
    assert found == {good[0]: ""}


def test_what_dask_needs_is_told(bags, options, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(EngineError, match=r"pip install '\.\[dask\]'"):
        list(examine_on_dask(works(bags, options, tmp_path), 1, None, lambda seconds: None))
