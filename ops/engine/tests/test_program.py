"""The command line, and the program as a process."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import PATIENCE
from test_stream import events

from zimage_engine.settings import Settings, parse
from zimage_engine.weights import SetupError, load

FOLDER = Path(__file__).parent.parent


def test_without_options_it_serves_the_real_model_to_this_machine_alone() -> None:
    settings = parse([])
    assert (settings.model, settings.weights, settings.host) == ("Tongyi-MAI/Z-Image-Turbo", "model", "127.0.0.1")
    assert settings.key is None


def test_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_KEY", "from the environment")
    assert parse(["--tiny"]).key == "from the environment"
    (tmp_path / "key").write_text("from a file\n")
    settings = parse(["--tiny", "--key-file", f"{tmp_path}/key", "--warmup", "256x256,512x768", "--batch", "2"])
    assert settings.key == "from a file" and settings.weights == "tiny"
    assert settings.warmup == ((256, 256), (512, 768)) and settings.batch == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--tiny --model x", "not allowed with argument"),
        ("--warmup 250x256", "250 is no side of a picture"),
        ("--port 0", "no number from 1 to 65535"),
        ("--quantize bnb-nf4 --tiny", "needs --model"),
        ("--offload model --compile blocks", "goes neither with --compile"),
        ("--moderation nowhere", "there is no folder nowhere"),
        ("--key-file nowhere", "cannot be read"),
    ],
)
def test_what_is_wrong_with_the_line_is_said(line: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(line.split())
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"quantize": "fp8"}, "install it with"),
        ({"weights": "model", "model": "/no/such/folder"}, "cannot be loaded"),
        ({"device": "cuda"}, "sees no CUDA device"),
        ({"offload": "model"}, "there is none"),
    ],
)
def test_what_cannot_be_started_says_why(options: dict, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from zimage_engine import weights

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torchao" else find_spec(name))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SetupError, match=says):
        settings = Settings(**({"weights": "tiny", "device": "cpu"} | options))
        load(settings, weights.device_of(settings))


@contextmanager
def program(*options: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The program as people start it, when it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": str(FOLDER)}
    command = [sys.executable, "-m", "zimage_engine", "--port", str(port), *options]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if "ready: z-image-turbo" in line:
                break
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def test_a_stop_lets_the_running_picture_finish() -> None:
    with program("--tiny", "--device", "cpu") as (process, url):
        assert httpx.get(f"{url}/health").status_code == 200
        body = {"prompt": "a fox", "size": "512x512", "stream": True}
        with httpx.stream("POST", f"{url}/v1/images/generations", json=body, timeout=PATIENCE) as reply:
            seen = events(reply)
            assert next(seen)["step"] == 1
            process.send_signal(signal.SIGTERM)
            assert list(seen)[-1]["type"] == "image_generation.completed"
        # It says so in its log only when something is wrong.
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(process.stderr))
        reader.start()
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)
        reader.join()
        assert not [line for line in said if "rror" in line]


def test_a_program_that_cannot_load_its_model_ends() -> None:
    command = [sys.executable, "-m", "zimage_engine", "--model", "/no/such/folder", "--port", "1"]
    environment = os.environ | {"PYTHONPATH": str(FOLDER), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
