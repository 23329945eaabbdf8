"""A spec in several files: pipelines.yaml, and pipelines.d/*.yaml beside it."""

import pytest

from dropforge.documents import UserError
from generator.plan import apply, plan
from generator.spec import read_spec
from tests.generator.specs import WINE

BEER = "pipelines:\n  beer:\n    data: {source: beer.csv, target: style}\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files of a spec, in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / ("pipelines.yaml" if name == "main" else f"pipelines.d/{name}.yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def mistakes(home):
    with pytest.raises(UserError) as caught:
        read_spec(home)
    return [(problem.file, problem.line, problem.message) for problem in caught.value.problems]


def test_all_files_make_one_spec_in_the_order_of_their_names(write):
    home = write(main=WINE, b=BEER, a=BEER.replace("beer:", "ale:"))
    (home / "pipelines.d" / "notes.txt").write_text("[")
    (home / "pipelines.d" / ".c.yaml").write_text("[")
    spec = read_spec(home)
    assert [pipeline.name for pipeline in spec.pipelines] == ["wine", "ale", "beer"]
    assert [file.name for file in spec.files] == ["pipelines.yaml", "a.yaml", "b.yaml"]
    assert spec.home == home
    apply(plan(spec))
    assert (home / "dags_generated" / "beer.yaml").exists()


def test_the_first_file_may_hold_no_pipeline_and_its_defaults_reach_all(write):
    home = write(main="version: 1\ndefaults: {promote: {minimum: 0.7}}\n", beer=BEER)
    (beer,) = read_spec(home).pipelines
    assert (beer.name, beer.promote.minimum, beer.train.watch) == ("beer", 0.7, "configs/beer")


def test_a_spec_of_another_name_has_a_folder_of_that_name(write, tmp_path):
    write(main=WINE, beer=BEER)
    (tmp_path / "other.yaml").write_text(WINE.replace("wine:", "vine:"))
    assert [pipeline.name for pipeline in read_spec(tmp_path / "other.yaml").pipelines] == ["vine"]


def test_a_pipeline_that_is_declared_twice_is_named_with_both_places(write):
    home = write(main=WINE, beer=BEER, more=f"# again\n{BEER}", wine="pipelines:\n  wine: {}\n")
    assert mistakes(home) == [
        (
            "pipelines.d/more.yaml", 3,
            "the pipeline 'beer' is declared in pipelines.d/beer.yaml too, on line 2",
        ),
        ("pipelines.d/wine.yaml", 2, "the pipeline 'wine' is declared in pipelines.yaml too, on line 3"),
    ]  # fmt: skip


def test_every_mistake_names_its_own_file(write):
    home = write(
        main="version: 1\ndefaults: {promote: {metric: acuracy}}\n",
        a="pipelines:\n  a:\n    data: {source: a.csv}\n",
        b="pipelines:\n  b:\n    data: {source: a.csv, target: x}\n    promote: {minimum: high}\n",
    )
    assert mistakes(home) == [
        ("pipelines.yaml", 2, "scikit-learn has no scorer 'acuracy'"),
        ("pipelines.d/a.yaml", 3, "the key 'target' is missing"),
        ("pipelines.d/b.yaml", 4, "'high' is not a number"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"version: 1\n{BEER}", "'version' stands in the first file of the spec alone"),
        (f"defaults: {{}}\n{BEER}", "'defaults' stands in the first file of the spec alone"),
        (f"more: 1\n{BEER}", "the key 'more' is unknown"),
        ("pipelines: {}\n", "'pipelines' is empty"),
        ("beer: {}\n", "the key 'beer' is unknown"),
        ("[]\n", "a spec is a mapping"),
        ("", "the file is empty"),
    ],
)
def test_another_file_declares_pipelines_and_nothing_else(write, text, message):
    found = mistakes(write(main=WINE, beer=text))
    assert ("pipelines.d/beer.yaml", 1, message) in found


def test_watch_folders_are_not_shared_between_files(write):
    shared = BEER.replace("style}", "style}\n    train: {watch: configs/wine}")
    assert mistakes(write(main=WINE, beer=shared)) == [
        ("pipelines.d/beer.yaml", 4, "'configs/wine' is the watch folder of 'wine' already")
    ]
