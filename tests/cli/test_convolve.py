"""`kernelet convolve`: pictures out, ledger, comparison, mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import signal

from commands import Command
from kernelet.convolution import filters
from kernelet.data.photos import Photo, encode_png, read_photo


@pytest.fixture
def source() -> NDArray[np.uint8]:
    """Write a small colour picture, photo.png, and return its pixels."""
    random = np.random.default_rng(0)
    coarse = random.integers(40, 200, (6, 8, 3)).astype(np.uint8)
    pixels = np.kron(coarse, np.ones((4, 4, 1), np.uint8))
    Image.fromarray(pixels).save("photo.png")
    return pixels


def convolved(pixels: NDArray[np.uint8], window: NDArray[np.float32]) -> NDArray[np.float64]:
    planes = np.moveaxis(pixels.astype(np.float64), 2, 0)
    maps = [signal.convolve2d(plane, window.astype(np.float64), "same", "symm") for plane in planes]
    return np.stack(maps, axis=2)


def test_output_and_ledger(command: Command, source: NDArray[np.uint8]) -> None:
    outcome = command("convolve", "photo.png", "--filter", "gaussian:1", "-o", "out.png")
    assert outcome.code == 0
    assert outcome.errors == ""
    lines = outcome.output.splitlines()
    assert lines[:2] == [
        "photo.png 24×32×3, gaussian:1 9×9, same, symm",
        "rows 24 + 8 − 9 + 1 = 24, columns 32 + 8 − 9 + 1 = 32: 24×32×3",
    ]
    assert re.fullmatch(
        r"186,624 multiply-adds; (direct|fft|matmul|separable), [\d.]+ (µs|ms)", lines[2]
    )
    assert lines[3:] == ["out.png"]
    expected = np.floor(convolved(source, filters.gaussian(1)) + 0.5)
    assert np.abs(read_photo(Path("out.png")).pixels - expected).max() <= 1


@pytest.mark.parametrize("normalize", ["clip", "abs", "stretch"])
def test_normalize(command: Command, source: NDArray[np.uint8], normalize: str) -> None:
    arguments = ("photo.png", "--filter", "sobel-x", "--normalize", normalize, "-o", "out.png")
    outcome = command("convolve", *arguments)
    assert outcome.code == 0
    values = convolved(source, filters.sobel("x"))
    if normalize == "stretch":
        expected = (values - values.min()) / np.ptp(values) * 255
        assert outcome.errors == ""
    else:
        values = np.abs(values) if normalize == "abs" else values
        expected = np.clip(values, 0, 255)
        others = "stretch" if normalize == "abs" else "abs or stretch"
        share = 100 * ((values < 0) | (values > 255)).mean()
        assert outcome.errors == (
            f"{share:.1f} % of the values were beyond black or white and cut off;"
            f" --normalize {others} shows them.\n"
        )
    assert np.array_equal(read_photo(Path("out.png")).pixels, np.floor(expected + 0.5))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_depth_and_opacity_are_kept(command: Command, dtype: str, channels: int) -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, np.iinfo(dtype).max, (9, 8, channels + 1)).astype(dtype)
    Path("photo.png").write_bytes(encode_png(Photo(pixels[..., :-1], pixels[..., -1])))
    np.save("identity.npy", np.pad(np.ones((1, 1)), 1))
    outcome = command("convolve", "photo.png", "--filter", "identity.npy", "-o", "out.png")
    assert outcome.code == 0
    assert Path("out.png").read_bytes() == Path("photo.png").read_bytes()


def test_orientation_is_applied(command: Command, source: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(source).save("turned.png", exif=exif)
    assert command("convolve", "turned.png", "--filter", "box:1", "-o", "out.png").code == 0
    assert np.array_equal(read_photo(Path("out.png")).pixels, np.rot90(source, -1))


def test_pattern(command: Command, source: NDArray[np.uint8]) -> None:
    patch = source[10:15, 6:13].astype(np.float64)
    np.save("patch.npy", patch - patch.mean((0, 1)))
    arguments = ("photo.png", "--filter", "patch.npy", "--as-pattern", "--mode", "valid")
    outcome = command("convolve", *arguments, "--normalize", "stretch", "-o", "out.png")
    assert outcome.code == 0
    lines = outcome.output.splitlines()
    assert lines[0] == "photo.png 24×32×3, patch.npy 5×7×3, valid, symm, as a pattern"
    assert lines[1] == "rows 24 − 5 + 1 = 20, columns 32 − 7 + 1 = 26: 20×26"
    windows = np.lib.stride_tricks.sliding_window_view(source, patch.shape)[:, :, 0]
    answers = np.einsum("ijklm,klm->ij", windows.astype(np.float64), np.load("patch.npy"))
    row, column = np.unravel_index(answers.argmax(), answers.shape)
    assert lines[3] == (
        f"strongest answer {answers.max():,.0f} with the filter over rows {row} to {row + 4},"
        f" columns {column} to {column + 6}"
    )
    written = read_photo(Path("out.png")).pixels
    assert written.shape == (20, 26, 1)
    assert written[row, column] == 255


def test_json(command: Command, source: NDArray[np.uint8]) -> None:
    arguments = ("photo.png", "--filter", "sobel-x", "--mode", "full", "-o", "out.png", "--json")
    outcome = command("convolve", *arguments, "--as-pattern")
    assert (outcome.code, outcome.errors) == (0, "")
    (facts,) = outcome.json
    assert facts.pop("seconds") > 0
    assert facts.pop("methods")
    assert 0 < facts.pop("cut_off") < 1
    assert facts.pop("strongest").keys() == {"value", "row", "column"}
    assert facts == {
        "file": "photo.png",
        "output": "out.png",
        "filter": "sobel-x",
        "mode": "full",
        "boundary": "symm",
        "input_shape": [24, 32, 3],
        "filter_shape": [3, 3],
        "output_shape": [26, 34, 1],
        "arithmetic": ["24 + 4 − 3 + 1 = 26", "32 + 4 − 3 + 1 = 34"],
        "multiply_adds": 26 * 34 * 3 * 9,
    }
    assert "strongest" not in command("convolve", *arguments).json[0]


def test_compare_shows_input_filter_and_output(command: Command, source: NDArray[np.uint8]) -> None:
    arguments = ("photo.png", "--filter", "sharpen", "-o", "out.png")
    assert command("convolve", *arguments).code == 0
    result = read_photo(Path("out.png")).pixels
    assert command("convolve", *arguments, "--compare").code == 0
    shown = read_photo(Path("out.png")).pixels
    # 32 columns are enlarged tenfold, and stand behind the margin and an edge of one pixel.
    assert np.array_equal(shown[30:270:10, 30:350:10], source)
    assert np.array_equal(shown[30:270:10, -25 - 320 + 5 : -25 : 10], result)
    window = shown[25:265, 350 : -25 - 320]
    for colour in ((33, 102, 172), (178, 24, 43)):
        assert (window == colour).all(axis=2).any() == (colour == (178, 24, 43))
    assert (shown[270:] < 128).any(), "captions"


def test_compare_shows_what_each_colour_adds(command: Command, source: NDArray[np.uint8]) -> None:
    np.save("red.npy", np.ones((3, 3, 3)) * [1, -1, 0])
    arguments = ("photo.png", "--filter", "red.npy", "--as-pattern", "-o", "out.png")
    assert command("convolve", *arguments, "--compare").code == 0
    shown = read_photo(Path("out.png")).pixels.astype(int)
    lower = shown[shown.shape[0] // 2 :]
    reddish = (lower[..., 0] - lower[..., 2] > 25).sum(axis=0)
    bluish = (lower[..., 2] - lower[..., 0] > 25).sum(axis=0)
    # Red answers for, green against, and blue has no say: each third of the row in one colour.
    assert reddish[30:340].all()
    assert not bluish[:360].any()
    first_blue = int(bluish.argmax())
    assert bluish[first_blue : first_blue + 320].all()
    assert not reddish[360:].any()
    assert not bluish[first_blue + 325 :].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("nowhere.png", "--filter", "box", "-o", "out.png"),
            "Error: 'nowhere.png' does not exist; expected a picture.\n",
        ),
        (
            ("photo.png", "--filter", "sobelx", "-o", "out.png"),
            (
                "Error: There is no filter 'sobelx'. Did you mean 'sobel-x'?\n"
                "  Choose one of box, gaussian, motion, sharpen, unsharp, emboss, sobel-x, sobel-y,"
                " prewitt-x, prewitt-y, scharr-x, scharr-y, laplacian, laplacian-of-gaussian,"
                " gabor, or name a .npy file.\n"
            ),
        ),
        (
            ("photo.png", "--filter", "gaussian:0", "-o", "out.png"),
            "Error: gaussian: sigma must be at least 0.1, not 0.\n",
        ),
        (
            ("photo.png", "--filter", "box", "-o", "out.jpg"),
            (
                "Error: -o is 'out.jpg'; expected a name that ends in .png.\n"
                "  Try `kernelet convolve --help`.\n"
            ),
        ),
        (
            ("photo.png", "--filter", "box", "-o", "photo.png"),
            (
                "Error: -o is 'photo.png', the picture itself; name another file.\n"
                "  Try `kernelet convolve --help`.\n"
            ),
        ),
        (
            ("photo.png", "--filter", "box", "-o", "none/out.png"),
            (
                "Error: -o is 'none/out.png'; there is no folder 'none'.\n"
                "  Try `kernelet convolve --help`.\n"
            ),
        ),
        (
            ("photo.png", "--filter", "box:30", "--mode", "valid", "-o", "out.png"),
            (
                "Error: A filter of 30 rows does not fit a picture of 24 rows"
                " (valid: 24 − 30 + 1 = -5).\n"
                '  Try mode "same" or "full", or a smaller filter.\n'
            ),
        ),
        (
            ("photo.png", "--filter", "box", "--mode", "some", "-o", "out.png"),
            (
                "Error: Invalid value for '--mode': 'some' is not one of 'valid', 'same', 'full'.\n"
                "  Try `kernelet convolve --help`.\n"
            ),
        ),
        (
            ("photo.png", "--filter", "box"),
            "Error: Missing option '-o' / '--output'.\n  Try `kernelet convolve --help`.\n",
        ),
    ],
)
def test_mistakes(
    command: Command, source: NDArray[np.uint8], arguments: tuple[str, ...], message: str
) -> None:
    outcome = command("convolve", *arguments)
    assert (outcome.code, outcome.output, outcome.errors) == (2, "", message)
    assert command("convolve", *arguments, "--json").event("error")["exit_code"] == 2
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["photo.png"]
    assert np.array_equal(read_photo(Path("photo.png")).pixels, source)


def test_help_lists_the_filters(command: Command) -> None:
    words = " ".join(command("convolve", "--help").output.split())
    for name in filters.FILTERS:
        assert filters.usage(name) in words
