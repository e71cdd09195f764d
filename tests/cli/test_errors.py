"""Mistakes and faults: the message, the exit code, and never a traceback unasked."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from commands import Command, Launch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "nowhere"),
            (
                "Error: 'nowhere' does not exist.\n"
                "  Expected a folder or .zip of class folders, IDX files, an .npz, or the name "
                "fashion-mnist or sample.\n"
            ),
        ),
        (
            ("train", "sample", "--epochs", "2", "--minutes", "1"),
            "Error: --epochs and --minutes both say how long to train.\n  Give one of the two.\n",
        ),
        (
            ("train", "sample", "--network", "lenet"),
            "Error: There is no network 'lenet'.\n  Choose one of lenet5, small_vgg, large_vgg.\n",
        ),
        (
            ("train", "sample", "--image-size", "big"),
            (
                "Error: --image-size is 'big'; expected a side such as 64, or height and width "
                "such as 48x64.\n"
            ),
        ),
        (
            ("train", "--epochs", "none"),
            (
                "Error: Invalid value for '--epochs': 'none' is not a valid integer range.\n"
                "  Try `kernelet train --help`.\n"
            ),
        ),
        (
            ("train", "--minutes", "nan"),
            (
                "Error: Invalid value for '--minutes': nan is not a finite number.\n"
                "  Try `kernelet train --help`.\n"
            ),
        ),
        (
            ("train", "--learning-rate", "inf"),
            (
                "Error: Invalid value for '--learning-rate': inf is not a finite number.\n"
                "  Try `kernelet train --help`.\n"
            ),
        ),
        (
            ("train", ""),
            (
                "Error: The name of the data set is empty; expected a folder, a file or a known "
                "name.\n"
            ),
        ),
        (
            ("train", "--resume", "nowhere"),
            (
                "Error: 'nowhere' is not a run folder: it has no config.json.\n"
                "  Name a folder that `kernelet train` made, such as runs/NAME.\n"
            ),
        ),
        (
            ("train", "--resume", "nowhere", "--epochs", "3"),
            (
                "Error: --epochs cannot change while a run is resumed: it goes on as it began.\n"
                "  Leave the option out, or begin a new run.\n"
                "  Try `kernelet train --help`.\n"
            ),
        ),
        (
            ("evaluate", "nowhere", "sample"),
            "Error: 'nowhere' does not exist; expected a run folder or a .safetensors file.\n",
        ),
        (
            ("predict", ".", "."),
            "Error: '.' has no model.safetensors.\n  Name a run folder or a .safetensors file.\n",
        ),
        (
            ("summary", "resnet"),
            (
                "Error: 'resnet' is neither a file or folder nor a network.\n"
                "  Name a run folder, a .safetensors file, or one of lenet5, small_vgg, "
                "large_vgg.\n"
            ),
        ),
        (
            ("summary", "lenet5", "--input", "28"),
            (
                "Error: --input is '28'; expected height, width and channels, such as 28x28x1.\n"
                "  Try `kernelet summary --help`.\n"
            ),
        ),
        (
            ("trian",),
            "Error: There is no command 'trian'. Did you mean 'train'?\n  Try `kernelet --help`.\n",
        ),
    ],
)
def test_mistakes(command: Command, arguments: tuple[str, ...], message: str) -> None:
    outcome = command(*arguments)
    assert (outcome.code, outcome.output) == (2, "")
    assert outcome.errors == message
    outcome = command(*arguments, "--json")
    if arguments[0] != "trian":
        assert outcome.code == 2
        assert outcome.errors == ""
        assert outcome.event("error")["exit_code"] == 2


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_no_place_for_the_run_folder(pictures: Path, command: Command) -> None:
    outcome = command("train", pictures, "--epochs", 1, "--out", "/proc/run")
    assert outcome.code == 2
    assert outcome.errors == (
        "Error: The run folder '/proc/run' cannot be made: No such file or directory.\n"
        "  Choose another place with --out FOLDER.\n"
    )
    outcome = command("train", pictures, "--epochs", 1, "--out", ".")
    assert (
        "The run folder '.' cannot be made: it is not the name of a new folder." in outcome.errors
    )
    Path("taken").write_text("a file")
    outcome = command("train", pictures, "--epochs", 1, "--out", "taken/run")
    assert "cannot be made: " in outcome.errors


def test_mistakes_show_a_traceback_when_asked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Traceback" not in command("train", "nowhere").errors
    monkeypatch.setenv("KERNELET_DEBUG", "1")
    assert "Traceback" in command("train", "nowhere").errors


def test_a_fault_says_how_to_report_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("kernelet.cli.info._facts", fail)
    outcome = command("info")
    assert outcome.code == 101
    assert outcome.errors == (
        "Error: This is a fault of kernelet, not of yours: RuntimeError: the sky fell\n"
        "  Please report it: run the command again with KERNELET_DEBUG=1 set, and send\n"
        "  the traceback together with what `kernelet info` prints.\n"
    )
    assert command("info", "--json").event("error")["exit_code"] == 101


def test_no_terminal_commands_from_names(command: Command) -> None:
    outcome = command("predict", "\x1b[2Jmodel", "x")
    assert outcome.code == 2
    assert "\x1b" not in outcome.errors
    assert "\\x1b[2Jmodel" in outcome.errors


def test_full_disk(pictures: Path, launch: Launch) -> None:
    def limit() -> None:
        # The model fits, the checkpoint with the optimizer's state does not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    process = launch(
        "train", pictures, "--epochs", 2, "--network", "lenet5", "--image-size", 28,
        "--out", "run", preexec_fn=limit,
    )  # fmt: skip
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "File too large" in errors
    assert "Traceback" not in errors
    assert not list(Path("run").rglob("*.tmp"))
    assert not list(Path("run/last").glob("*.safetensors"))


def test_reader_gone(launch: Launch) -> None:
    process = launch("info")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_disk_is_said_on_standard_error(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "kernelet", "summary", "lenet5", *options]
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            command, check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (finished.returncode, finished.stderr) == (2, "Error: No space left on device.\n")


def test_help_imports_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from kernelet.cli import main\n"
        "code = main(['--help'])\n"
        "heavy = {'numpy', 'PIL', 'rich', 'safetensors', 'kernelet.model'} & set(sys.modules)\n"
        "sys.exit(code or ', '.join(sorted(heavy)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    commands = ("train", "evaluate", "predict", "summary", "convolve", "info")
    assert all(f"\n  {name} " in result.stdout for name in commands)
