"""Folders that come from elsewhere: what their links and their own lists name outside them is told
and never read, and loops of links end."""

import json

import pytest

from quilate.data import pipeline, run_pipeline
from quilate.data.files import Rejected, read_rows, write_rows
from quilate.data.shards import content_digest
from quilate.errors import DataError

SECRET = "la clave de otra persona"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.md").write_text(SECRET)
    (tmp_path / "outside" / "secret.jsonl").write_text(json.dumps({"text": SECRET}) + "\n")
    made = tmp_path / "folder"
    made.mkdir()
    return made


def told(found):
    return {one.where: one.reason for one in found if isinstance(one, Rejected)}


def test_links_out_of_a_folder_of_documents_are_told_not_read(folder):
    (folder / "a.md").write_text("# Faros")
    (folder / "inside.md").symlink_to("a.md")
    (folder / "out.md").symlink_to("../outside/secret.md")
    (folder / "rows.jsonl").symlink_to(folder.parent / "outside" / "secret.jsonl")
    (folder / "all").symlink_to("../outside")
    (folder / "gone.md").symlink_to("nowhere.md")
    found = list(read_rows(folder))
    assert [one["id"] for one in found if isinstance(one, dict)] == ["a.md", "inside.md"]
    assert told(found) == {
        "out.md": "outside the folder",
        "rows.jsonl": "outside the folder",
        "all": "outside the folder",
        "gone.md": "a broken link",
    }
    assert SECRET not in str(found)


def test_loops_of_links_end(folder):
    (folder / "a.md").write_text("# Faros")
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to("..")
    (folder / "deep" / "same").symlink_to(folder / "deep")
    (folder / "one.md").symlink_to("two.md")
    (folder / "two.md").symlink_to("one.md")
    found = list(read_rows(folder))
    assert [one["id"] for one in found if isinstance(one, dict)] == ["a.md"]
    assert told(found) == {
        "deep/up": "a linked folder",
        "deep/same": "a linked folder",
        "one.md": "a broken link",
        "two.md": "a broken link",
    }
    assert len(content_digest(folder)) == len(content_digest(folder / "a.md"))


def test_a_folder_may_itself_be_a_link(folder):
    (folder / "a.md").write_text("# Faros")
    (folder.parent / "link").symlink_to(folder)
    assert [one["id"] for one in read_rows(folder.parent / "link")] == ["a.md"]


def test_a_folder_of_links_alone_says_what_to_do(folder):
    (folder / "a.md").symlink_to("../outside/secret.md")
    with pytest.raises(DataError, match="cp -rL"):
        list(read_rows(folder))


def test_links_out_of_a_folder_of_images_are_told_not_read(folder):
    (folder / "a.png").write_bytes(b"\x89PNG")
    (folder / "a.txt").symlink_to("../outside/secret.md")
    (folder / "b.png").symlink_to("../outside/secret.md")
    found = list(read_rows(folder))
    assert [one for one in found if isinstance(one, dict)] == [
        {"id": "a.png", "image": str(folder / "a.png")}
    ]
    assert told(found) == {"a.txt": "outside the folder", "b.png": "outside the folder"}
    (folder / "metadata.jsonl").symlink_to("../outside/secret.jsonl")
    with pytest.raises(DataError, match="out of its folder"):
        list(read_rows(folder))


def test_a_loop_that_metadata_names_is_a_rejected_row(folder):
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png"}) + "\n")
    (found,) = read_rows(folder)
    assert isinstance(found, Rejected)


def test_a_link_that_is_not_followed_is_in_the_quarantine_and_of_the_content(folder):
    (folder / "a.md").write_text("# Faros")
    before = content_digest(folder)
    (folder / "out.md").symlink_to("../outside/secret.md")
    assert content_digest(folder) != before
    done = run_pipeline(
        pipeline("p", "folder", [], folder=folder.parent), store=folder.parent / "s", workers=1
    )
    (gone,) = map(json.loads, done.quarantine.read_text().splitlines())
    assert (gone["where"], gone["reason"]) == ("out.md", "outside the folder")


@pytest.fixture
def saved(folder):
    """A dataset as Hugging Face saves it, and one outside of it."""
    pytest.importorskip("pyarrow")
    write_rows([{"id": "1", "text": SECRET}], folder.parent / "outside" / "data.arrow")
    write_rows([{"id": "1", "text": "Hola"}], folder / "data.arrow")
    (folder / "dataset_info.json").write_text("{}")
    return folder


def state(folder, *names):
    content = json.dumps({"_data_files": [{"filename": name} for name in names]})
    (folder / "state.json").write_text(content)


@pytest.mark.parametrize(
    "name", ["../outside/data.arrow", "{root}/outside/data.arrow", "link.arrow"]
)
def test_a_saved_dataset_names_no_file_outside_its_folder(saved, name):
    state(saved, "data.arrow")
    assert [row["text"] for row in read_rows(saved)] == ["Hola"]
    (saved / "link.arrow").symlink_to("../outside/data.arrow")
    state(saved, "data.arrow", name.format(root=saved.parent))
    with pytest.raises(DataError, match="outside its folder") as caught:
        list(read_rows(saved))
    assert "state.json" in str(caught.value) and SECRET not in str(caught.value)


def test_a_dataset_dictionary_names_no_split_outside_its_folder(saved):
    (saved / "dataset_dict.json").write_text('{"splits": ["../outside"]}')
    state(saved.parent / "outside", "data.arrow")
    with pytest.raises(DataError, match="outside its folder"):
        list(read_rows(saved))


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", "3", "{", '{"_data_files": "data.arrow"}', '{"_data_files": [{"filename": 3}]}',
     '{"_data_files": [{}]}', '{"_data_files": [null]}'],
)  # fmt: skip
def test_a_saved_dataset_with_another_state_is_one_clear_error(saved, content):
    (saved / "state.json").write_text(content)
    with pytest.raises(DataError, match="no dataset that Hugging Face"):
        list(read_rows(saved))
