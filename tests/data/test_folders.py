from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernelet.data import load_dataset
from kernelet.data.folders import FolderTree
from kernelet.data.listing import normalized, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    FolderMaker = Callable[[dict[str, bytes]], Path]


def names(root: Path) -> list[str]:
    return [entry.name for entry in FolderTree(root).entries]


def test_files_come_in_order_and_hidden_ones_do_not(folder: FolderMaker) -> None:
    root = folder(
        {
            "b/2.jpg": b"",
            "b/1.jpg": b"12",
            ".git/x.jpg": b"",
            "a/.x.jpg": b"",
            "__MACOSX/a.jpg": b"",
        }
    )
    tree = FolderTree(root)
    assert [(entry.name, entry.size) for entry in tree.entries] == [("b/1.jpg", 2), ("b/2.jpg", 0)]
    assert tree.read(tree.entries[0]) == b"12"
    assert tree.folders == ["a", "b"]


def test_links_stay_inside(folder: FolderMaker, tmp_path: Path) -> None:
    root = folder({"a/1.jpg": b"inside"})
    (tmp_path / "secret.jpg").write_bytes(b"outside")
    (root / "a/out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "outside").symlink_to(tmp_path)
    (root / "a/in.jpg").symlink_to(root / "a/1.jpg")
    (root / "dangling.jpg").symlink_to(root / "nothing")
    (root / "self.jpg").symlink_to(root / "self.jpg")
    tree = FolderTree(root)
    assert [entry.name for entry in tree.entries] == ["a/1.jpg", "a/in.jpg"]
    assert tree.notes == ["symbolic links left out, they lead outside the folder or nowhere: 4"]


def test_the_folder_itself_may_be_a_link(folder: FolderMaker, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder({"a/1.jpg": b""}))
    assert names(tmp_path / "link") == ["a/1.jpg"]


def test_link_loops_end(folder: FolderMaker) -> None:
    count = 12  # as paths, 12 folders that link to each other would be 12!
    root = folder({f"{index}/1.jpg": b"" for index in range(count)})
    for start in range(count):
        for end in range(count):
            (root / f"{start}/to{end}").symlink_to(root / str(end))
    (root / "top").symlink_to(root)
    assert len(names(root)) <= 3 * count
    assert {f"{index}/1.jpg" for index in range(count)} <= set(names(root))


def test_pipes_and_sockets_are_not_opened(folder: FolderMaker) -> None:
    root = folder({"a/1.jpg": b""})
    os.mkfifo(root / "a/pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(root)  # a socket's address is at most 107 bytes
        listener.bind("a/socket.jpg")
        tree = FolderTree(root)
    assert [entry.name for entry in tree.entries] == ["a/1.jpg"]
    assert tree.notes == ["pipes, sockets and devices left out: 2"]


HOSTILE = ["new\nline", "<script>alert(1)<", "‮gnp.evil", "-rf", "a'b\"c", "%s{0}", "ü" * 60]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_names(
    folder: FolderMaker, noise: Callable[[int], bytes], name: str
) -> None:
    root = folder({f"{name}/{name}.png": noise(0), "other/1.png": noise(1)})
    dataset = load_dataset(root, validation_split=0)
    assert name in dataset.class_names
    assert dataset.describe().startswith("2 pictures")


def test_names_that_are_not_unicode_become_so(
    folder: FolderMaker, noise: Callable[[int], bytes]
) -> None:
    root = folder({"b/1.png": noise(1)})
    strange = os.fsencode(root) + b"/a\xff"
    Path(os.fsdecode(strange)).mkdir()
    Path(os.fsdecode(strange + b"/1.png")).write_bytes(noise(0))
    assert load_dataset(root, validation_split=0).class_names == ("a\\xff", "b")


def test_one_name_however_its_accents_are_stored() -> None:
    assert normalized("u\N{COMBINING DIAERESIS}") == "ü"


def test_names_in_messages_are_one_line() -> None:
    assert quoted("a\nb\u202ec") == "'a\\nb\\u202ec'"
    assert len(quoted("x" * 1000)) < 130


WATCH = """
import sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append((event, arguments)))
from kernelet.data import load_dataset
load_dataset(sys.argv[1], cache=False)
started = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "marshal.loads.file"}
assert not [event for event, _ in opened if event in started or event == "pickle.find_class"]
outside = [a for event, a in opened if event == "open" and "hidden_place" in str(a)]
assert not outside, outside
written = [a for event, a in opened if event == "open" and a[1] and set(str(a[1])) & set("wax+")]
assert not written, written
"""


def test_loading_reads_nothing_outside_and_writes_nothing(
    folder: FolderMaker, noise: Callable[[int], bytes], tmp_path: Path
) -> None:
    root = folder({"a/1.png": noise(0), "b/1.png": noise(1)})
    (tmp_path / "hidden_place").mkdir()
    (tmp_path / "hidden_place/1.png").write_bytes(noise(2))
    (root / "a/2.png").symlink_to(tmp_path / "hidden_place/1.png")
    (root / "c").symlink_to(tmp_path / "hidden_place")
    command = [sys.executable, "-B", "-c", WATCH, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
