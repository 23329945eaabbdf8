"""The wheel holds all that a project needs: the code of both packages and the templates. (See test_tutorial, too.)"""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.wheel import ROOT, build


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(folder)) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_both_packages_and_the_templates_are_in_it(unpacked):
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    code = [path for name in ("dropforge", "generator") for path in (ROOT / name).rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in code} <= files
    assert {"generator/templates/pipeline.yaml.j2", "generator/templates/pipeline.py.j2"} <= files
    assert not [name for name in files if name.startswith(("tests", "demo", "docs"))]


def test_it_renders_the_same_files_as_the_checkout(unpacked, tmp_path):
    (tmp_path / "pipelines.yaml").write_bytes((ROOT / "pipelines.yaml").read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    where = [sys.executable, "-c", "import generator, dropforge; print(generator.__file__, dropforge.__file__)"]
    said = subprocess.run(where, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout  # noqa: S603
    assert said.count(str(unpacked)) == 2
    command = [sys.executable, "-m", "dropforge.cli.main", "generate"]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True)  # noqa: S603
    for path in (ROOT / "dags_generated").iterdir():
        if path.suffix in (".yaml", ".py"):
            assert (tmp_path / "dags_generated" / path.name).read_bytes() == path.read_bytes()
