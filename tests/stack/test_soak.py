"""The report of the soak: a matrix of points and victims, with what was not right."""

from pathlib import Path

from tests.stack.soak import AWAY, Soak, Tally


def test_the_report_is_a_matrix_and_hides_nothing(tmp_path: Path) -> None:
    soak = Soak(tmp_path)
    soak.tallies[("claimed", "task")] = Tally(1, seconds=[11.61])
    soak.tallies[("claimed", "mlflow")] = Tally(2, seconds=[14.0, 15.5])
    soak.tallies[("filed", "task")] = Tally(2, lost=1, wrong=1, seconds=[8.0])
    soak.tallies[AWAY] = Tally(2, seconds=[19.8, 20.2])
    soak.missing["scheduler"] = [(8.6, 16.0), (10.2, 18.2)]
    lines = soak.report().splitlines()
    assert "7 accidents: 1 lost, 0 doubled, 1 not right. Of 3 places, 1 were hit once." in lines
    place = lines.index("| point | task | mlflow |")
    assert lines[place + 2 : place + 4] == [
        "| claimed | 11.6 | 15.5 (2) |",
        "| filed | 8.0 (2), 1 lost, 1 not right | - |",
    ]
    assert "MLflow is away for two minutes: 20.2 (2)." in lines
    assert lines[-1] == "| scheduler | 2 | 9.4 s | 10.2 s | 17.1 s | 18.2 s |"


def test_a_report_without_accidents_is_one(tmp_path: Path) -> None:
    assert "0 accidents: 0 lost, 0 doubled, 0 not right." in Soak(tmp_path).report()
