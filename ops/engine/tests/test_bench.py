"""The measuring script: what it measures on a CPU, and what it says about the goals of a GPU."""

import itertools
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import PATIENCE, Gate, Running

from zimage_engine import bench
from zimage_engine.bench_floor import Peak, Shape, Times
from zimage_engine.bench_http import Client, draw_together
from zimage_engine.bench_table import WHOLE, Table
from zimage_engine.pipelines import Pipelines
from zimage_engine.settings import Settings

GIB = 2**30
H200 = Peak(1e12, is_known=True)
TINY = "--tiny --device cpu --sizes 256x256 --compile off --repeats 1 --warmups 0"


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Pipelines]] = []

    def make(settings: Settings) -> Pipelines:
        pipelines = Pipelines(settings)
        made.append(weakref.ref(pipelines))
        return pipelines

    monkeypatch.setattr(bench, "Pipelines", make)
    assert bench.main([*TINY.split(), "--batches", "1,2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [cells(line) for line in lines if line.startswith("|")]
    parts = ["1 forwards", "8 forwards", "decode", "picture with PNG"]
    expected = [("loading", "1"), ("text encoder", "1")]
    expected += [(part, batch) for batch in "12" for part in parts] + [(WHOLE, "1"), (WHOLE, "8")]
    assert [(row[0], row[2]) for row in rows[2:]] == expected
    assert all(len(row) == len(rows[0]) and float(row[4]) <= float(row[5]) for row in rows[2:])
    assert lines[-1].startswith("no goal applies")
    # One set of weights for parts and requests, and none is left for the next configuration's memory.
    assert [reference() for reference in made] == [None]


def test_a_configuration_that_does_not_run_here_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert bench.main([*TINY.split(), "--quantize", "fp8"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("--compile off ended early: --quantize fp8 needs torchao")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--offload model --compile off,blocks", "goes neither with --compile"),
        ("--compile fast", "'fast' is no list of off, blocks, graphs"),
        ("--batches 0", "'0' is no list of numbers"),
        ("--repeats 0", "no number from 1"),
        ("--sizes 250x256", "250 is no side of a picture"),
    ],
)
def test_what_is_wrong_with_the_line_is_said(line: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--tiny", "--device", "cpu", *line.split()])
    assert says in capsys.readouterr().err


def test_offloading_without_a_gpu_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main("--tiny --device cpu --offload model --compile off".split()) == 1
    assert "there is none" in capsys.readouterr().err


def test_clients_draw_side_by_side_and_no_prompt_comes_twice(engine: Running, gate: Gate) -> None:
    numbers = itertools.count()
    clients = [Client(engine.port, numbers) for _ in range(2)]
    with ThreadPoolExecutor(1) as threads:
        drawing = threads.submit(draw_together, clients, 2, 256, 256)
        # Both have asked while none has a picture.
        jobs = [engine.worker.next_job() for _ in range(2)]
        gate.open()
        times, a_second = drawing.result(PATIENCE)
    for client in clients:
        client.close()
    jobs += [engine.worker.next_job() for _ in range(2)]
    assert len({job.request.prompt for job in jobs}) == len(times.each) == 4
    assert a_second > 0


def test_a_refused_request_is_no_measurement(engine: Running) -> None:
    client = Client(engine.port, itertools.count())
    with pytest.raises(RuntimeError, match="answered 400.*250 is no side"):
        client.draw(250, 256)
    client.close()


def test_the_floor_is_that_of_the_real_model() -> None:
    """55.6 TFLOP a forward at 1024x1024, counted by hand from the model's dimensions."""
    shape = Shape(dim=3840, hidden=10240, layers=32)
    assert shape.flops(4096 + 64) == pytest.approx(55.6e12, rel=0.01)


def test_a_p95_is_one_of_the_times() -> None:
    times = Times(tuple(float(second) for second in range(20, 0, -1)))
    assert (times.median, times.p95) == (10.5, 19)
    assert Times((3.0,)).p95 == 3


def test_requests_that_overlap_are_compared_by_pictures_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    Table(Settings(), H200).add(WHOLE, "512x512", 8, Times((4.0,)), flops=1e11, a_second=5)
    # Eight take 1.6 s at five a second, and 0.8 s by their arithmetic.
    assert cells(capsys.readouterr().out)[4:9] == ["4000.0", "4000.0", "800.00", "2.00", "5.00"]


def verdicts(settings: Settings, peak: Peak = H200, size: str = "1024x1024") -> list[str]:
    """A whole request takes 1.25 floors and 14 GiB, two at once take longer, and loading takes 15 GiB."""
    table = Table(settings, peak)
    table.add("loading", "", 1, Times((9.0,)), peak_bytes=15 * GIB)
    table.add(WHOLE, size, 1, Times((1.25,)), flops=1e12, peak_bytes=14 * GIB)
    table.add(WHOLE, size, 2, Times((9.0,)), flops=1e12, peak_bytes=14 * GIB)
    table.add(WHOLE, "1536x1536", 1, Times((9.0,)), flops=1e12, peak_bytes=20 * GIB)
    return table.verdicts()


def test_verdicts() -> None:
    in_time = "whole request 1024x1024, {}: 1.25 x floor (goal 1.3): met"
    in_room = "peak memory 1024x1024, {}: 15.0 GiB (goal 16): met"
    assert verdicts(Settings(compile="blocks")) == [in_time.format("blocks")]
    assert verdicts(Settings(quantize="fp8")) == [in_time.format("eager fp8"), in_room.format("eager fp8")]
    assert verdicts(Settings(offload="model")) == [in_room.format("eager offload model")]


def test_no_verdict_where_no_goal_applies() -> None:
    assert verdicts(Settings(), Peak(1e12, is_known=False)) == []
    assert verdicts(Settings(quantize="fp8"), size="512x512") == []


def test_a_goal_is_missed() -> None:
    twice_as_fast = Peak(2e12, is_known=True)
    assert verdicts(Settings(), twice_as_fast) == ["whole request 1024x1024, eager: 2.50 x floor (goal 1.3): missed"]
    table = Table(Settings(offload="model"), H200)
    table.add(WHOLE, "1024x1024", 1, Times((9.0,)), flops=1e12, peak_bytes=17 * GIB)
    assert table.verdicts() == ["peak memory 1024x1024, eager offload model: 17.0 GiB (goal 16): missed"]
