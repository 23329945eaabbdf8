"""A config belongs to exactly one run, and ends in done/ or rejected/."""

import os
import threading
import time
from types import SimpleNamespace

import pytest

from dropforge.folder import Claim, WatchFolder
from tests.dropforge.folder.drops import drop, waiting


@pytest.fixture
def folder(tmp_path):
    return WatchFolder(tmp_path / "watch", tmp_path / "snapshots")


def everybody(run):
    return True


def nobody(run):
    return False


def names(claims):
    return [claim.file for claim in claims]


def tree(folder):
    """Return the files in the watch folder, done/ and rejected/, by their place."""
    return {
        str(path.relative_to(folder.path)): path.read_text()
        for path in sorted(folder.path.rglob("*"))
        if path.is_file() and ".claims" not in path.parts
    }


def test_a_run_claims_every_whole_file(folder):
    drop(folder.path, "a.yaml", "A")
    drop(folder.path, "b.json", "B")
    drop(folder.path, "half.yaml", "H", age=0)
    claims = folder.claim("r1", everybody)
    assert names(claims) == ["a.yaml", "b.json"]
    assert [folder.content(claim) for claim in claims] == [b"A", b"B"]
    assert folder.claimed_by("r1") == sorted(claims, key=lambda claim: claim.key)


@pytest.mark.parametrize(
    ("left", "slept"),
    [
        ([0.0], []),
        ([0.2, 0.1, -0.1], [0.2, 0.1]),
        ([0.3] * 9, [*[0.3] * 3, pytest.approx(0.1)]),
    ],
    ids=["all is whole", "more comes meanwhile", "somebody never stops"],
)
def test_a_claim_takes_together_what_comes_within_a_second(folder, monkeypatch, left, slept):
    clock = SimpleNamespace(slept=[])
    fake = SimpleNamespace(sleep=clock.slept.append, monotonic=lambda: sum(clock.slept))
    monkeypatch.setattr("dropforge.folder.claims.time", fake)
    seconds = iter(left)
    monkeypatch.setattr("dropforge.folder.claims.unsettled", lambda path: next(seconds))
    folder.settle()
    assert clock.slept == slept


def test_who_waits_for_a_folder_that_is_not_there_says_nothing(folder):
    folder.settle()
    assert folder.claim("r1", everybody) == []


def test_an_empty_or_missing_folder_gives_no_claim(folder):
    assert waiting(folder, everybody) == []
    assert folder.claimed_by("r1") == []
    assert folder.claim("r1", everybody) == []


def test_what_an_active_run_has_no_other_run_gets(folder):
    drop(folder.path, "a.yaml")
    assert len(folder.claim("r1", everybody)) == 1
    assert folder.claim("r2", everybody) == []
    drop(folder.path, "b.yaml")
    assert names(folder.claim("r2", everybody)) == ["b.yaml"]


def test_the_same_run_claims_the_same_again(folder):
    drop(folder.path, "a.yaml")
    assert folder.claim("r1", nobody) == folder.claim("r1", nobody)


def test_what_a_dead_run_had_is_free_again(folder):
    drop(folder.path, "a.yaml")
    (claim,) = folder.claim("r1", everybody)
    assert folder.claim("r2", nobody) == [claim]
    assert folder.file_away(claim, "r1", None) is None
    assert folder.file_away(claim, "r2", None) == folder.path / "done" / "a.yaml"


def test_two_runs_at_once_never_get_the_same_file(folder):
    for number in range(20):
        drop(folder.path, f"{number}.yaml", str(number))
    taken = {}
    start = threading.Barrier(4)

    def work(run):
        start.wait()
        taken[run] = WatchFolder(folder.path, folder.snapshots).claim(run, everybody)

    workers = [threading.Thread(target=work, args=(f"r{number}",)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = [name for claims in taken.values() for name in names(claims)]
    assert sorted(found) == sorted(f"{number}.yaml" for number in range(20))


def test_what_waits_is_what_no_active_run_has(folder):
    drop(folder.path, "a.yaml", "A")
    assert waiting(folder, everybody) == ["a.yaml"]
    folder.claim("r1", everybody)
    assert waiting(folder, everybody) == []
    assert waiting(folder, nobody) == ["a.yaml"]
    drop(folder.path, "a.yaml", "another")
    assert waiting(folder, everybody) == ["a.yaml"]


def test_a_claim_that_is_new_speaks_for_itself(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    assert waiting(folder, nobody, trusted=3600) == []
    record = folder.claims / f"{claim.key}.json"
    now = time.time()
    for age in (7200, -7200):  # another machine's clock may be ahead
        os.utime(record, (now - age, now - age))
        assert waiting(folder, nobody, trusted=3600) == ["a.yaml"]
        assert waiting(folder, everybody, trusted=3600) == []
    os.utime(record)
    drop(folder.path, "a.yaml", "another")
    assert waiting(folder, nobody, trusted=3600) == ["a.yaml"]
    folder.release(claim, "r1")
    drop(folder.path, "a.yaml", "A")
    assert waiting(folder, nobody, trusted=3600) == ["a.yaml"]


def test_a_trained_config_moves_to_done(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    assert folder.file_away(claim, "r1", None) == folder.path / "done" / "a.yaml"
    assert tree(folder) == {"done/a.yaml": "A"}
    assert folder.claimed_by("r1") == []


def test_a_rejected_config_lies_beside_its_explanation(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    folder.file_away(claim, "r1", "a.yaml:1: it is wrong\n    Correct it.")
    assert tree(folder) == {
        "rejected/a.yaml": "A",
        "rejected/a.yaml.error.txt": "a.yaml:1: it is wrong\n    Correct it.\n",
    }


def test_a_name_that_exists_gets_a_suffix(folder):
    for number, error in enumerate((None, None, "wrong", "wrong", None)):
        drop(folder.path, "a.b.yaml", str(number))
        (claim,) = folder.claim(f"r{number}", everybody)
        folder.file_away(claim, f"r{number}", error)
    assert tree(folder) == {
        "done/a.b.yaml": "0",
        "done/a.b-1.yaml": "1",
        "done/a.b-2.yaml": "4",
        "rejected/a.b.yaml": "2",
        "rejected/a.b.yaml.error.txt": "wrong\n",
        "rejected/a.b-1.yaml": "3",
        "rejected/a.b-1.yaml.error.txt": "wrong\n",
    }


def test_the_same_content_may_be_dropped_and_filed_again(folder):
    for run in ("r1", "r2"):
        drop(folder.path, "a.yaml", "A")
        (claim,) = folder.claim(run, everybody)
        folder.file_away(claim, run, None)
    assert tree(folder) == {"done/a.yaml": "A", "done/a-1.yaml": "A"}


def test_filing_again_changes_nothing(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    for error in ("wrong", None):
        first = folder.file_away(claim, "r1", error)
        before = tree(folder)
        assert folder.file_away(claim, "r1", error) == first
        assert tree(folder) == before


def test_a_run_that_is_done_again_moves_its_config_where_it_now_belongs(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    folder.file_away(claim, "r1", "wrong")
    folder.file_away(claim, "r1", None)
    assert tree(folder) == {"done/a.yaml": "A"}
    folder.file_away(claim, "r1", "wrong after all")
    assert tree(folder) == {"rejected/a.yaml": "A", "rejected/a.yaml.error.txt": "wrong after all\n"}


def test_filing_again_leaves_a_new_drop_of_the_same_content_alone(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    folder.file_away(claim, "r1", "wrong")
    drop(folder.path, "a.yaml", "A")
    folder.file_away(claim, "r1", "wrong")
    assert tree(folder) == {"a.yaml": "A", "rejected/a.yaml": "A", "rejected/a.yaml.error.txt": "wrong\n"}
    assert names(folder.claim("r2", everybody)) == ["a.yaml"]


def test_a_file_that_was_replaced_meanwhile_is_a_new_drop(folder):
    drop(folder.path, "a.yaml", "old")
    (claim,) = folder.claim("r1", everybody)
    drop(folder.path, "a.yaml", "new")
    assert folder.content(claim) == b"old"
    folder.file_away(claim, "r1", None)
    assert tree(folder) == {"a.yaml": "new", "done/a.yaml": "old"}
    (new,) = folder.claim("r2", everybody)
    assert folder.content(new) == b"new"


def test_a_file_that_was_taken_back_meanwhile_is_filed_all_the_same(folder):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    (folder.path / "a.yaml").unlink()
    folder.file_away(claim, "r1", None)
    assert tree(folder) == {"done/a.yaml": "A"}


@pytest.mark.parametrize("run", ["r1", "r2"])
def test_what_was_claimed_and_replaced_is_claimed_again_after_a_crash(folder, run):
    drop(folder.path, "a.yaml", "old")
    folder.claim("r1", everybody)
    drop(folder.path, "a.yaml", "new")
    claims = folder.claim(run, nobody)
    assert sorted(folder.content(claim) for claim in claims) == [b"new", b"old"]
    for claim in claims:
        folder.file_away(claim, run, None)
    assert sorted(tree(folder).values()) == ["new", "old"]


def test_a_crash_between_moving_and_forgetting_is_healed(folder, monkeypatch):
    drop(folder.path, "a.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    with monkeypatch.context() as patch:
        patch.setattr(WatchFolder, "_forget", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            folder.file_away(claim, "r1", None)
    assert folder.claim("r2", nobody) == []
    assert folder.claimed_by("r1") == []
    assert tree(folder) == {"done/a.yaml": "A"}


def test_a_claim_that_is_given_back_is_free(folder):
    drop(folder.path, "a.yaml")
    (claim,) = folder.claim("r1", everybody)
    folder.release(claim, "r2")
    assert folder.claim("r2", everybody) == []
    folder.release(claim, "r1")
    assert folder.claim("r2", everybody) == [claim]


@pytest.mark.parametrize(
    "name",
    [
        "two words.yaml", "漢字 é😀.json", "a\nb.yaml", "it's \"quoted\".yaml", "$HOME.yaml", "{{ 1 }}.yaml", "%.yaml",
        "-rf.yaml", "a[1]*.yaml", "x" * 250 + ".yaml", "漢" * 83 + "x.yaml",
    ],
    ids=lambda name: ascii(name[:12]),
)  # fmt: skip
def test_any_name_goes_all_the_way(folder, name):
    for run, text, error in (("r1", "A", "wrong"), ("r2", "B", "wrong"), ("r3", "C", None)):
        drop(folder.path, name, text)
        assert waiting(folder, everybody) == [name]
        (claim,) = folder.claim(run, everybody)
        assert claim == Claim(name, claim.key)
        folder.file_away(claim, run, error)
        folder.file_away(claim, run, error)
    assert sorted(tree(folder).values()) == ["A", "B", "C", "wrong\n", "wrong\n"]
    assert (folder.path / "done" / name).read_text() == "C"
    assert (folder.path / "rejected" / name).read_text() == "A"


def test_a_name_that_is_no_text_is_rejected_and_keeps_its_content(folder):
    drop(folder.path, "caf\udce9.yaml", "A")
    (claim,) = folder.claim("r1", everybody)
    assert "not UTF-8" in claim.problem.message
    folder.file_away(claim, "r1", str(claim.problem))
    assert sorted(tree(folder).values()) == ["A", "caf�.yaml: its name is not UTF-8 text\n    Give it another name.\n"]


def test_a_drop_keeps_its_name_when_another_run_takes_the_claim_over(folder):
    drop(folder.path, "a.yaml")
    (first,) = folder.claim("run 1", everybody)
    folder.release(first, "run 1")
    (second,) = folder.claim("run 2", everybody)
    (third,) = folder.claim("run 3", nobody)
    assert first.drop
    assert first.drop == second.drop == third.drop
    folder.file_away(third, "run 3", None)
    drop(folder.path, "a.yaml")
    assert folder.claim("run 4", nobody)[0].drop != first.drop


def test_a_huge_file_is_not_read_and_is_filed_with_the_reason(folder):
    path = drop(folder.path, "huge.json", "{}")
    os.truncate(path, 50 * 2**30)  # of holes: reading it would take minutes and all the memory
    os.utime(path, (0, 0))
    (claim,) = folder.claim("run", nobody)
    assert "larger than 1024 KiB" in claim.problem.message
    assert folder.file_away(claim, "run", str(claim.problem)) == folder.path / "rejected" / "huge.json"
