"""Whatever people and crashes do, in any order: nothing that was dropped is lost, trained by two, or doubled."""

import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dropforge.folder import WatchFolder
from tests.dropforge.folder.drops import drop, waiting

NAMES = ("a.yaml", "a.json", "a b.yaml", "a-1.yaml")
RUNS = ("r1", "r2", "r3")
errors = st.sampled_from([None, "wrong"])


class Crash(Exception):
    pass


class Drops(RuleBasedStateMachine):
    """People drop and replace files; runs claim, file, die, are cleared and done again."""

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.folder = WatchFolder(self.home / "watch", self.home / "snapshots")
        self.active = set()
        self.held = {run: {} for run in RUNS}  # what each run has claimed and not filed
        self.filed = {run: [] for run in RUNS}
        self.drops = Counter()

    def teardown(self):
        shutil.rmtree(self.home)

    def is_active(self, run):
        return run in self.active

    @rule(name=st.sampled_from(NAMES))
    def a_file_is_dropped_or_replaced(self, name):
        path = self.folder.path / name
        if path.exists() and not self.is_claimed(path):  # overwritten by its owner, before anybody had claimed it
            self.drops[path.read_text()] -= 1
        content = f"{name} {len(self.drops)}"
        self.drops[content] += 1
        drop(self.folder.path, name, content)

    def is_claimed(self, path):
        owned = [claim for run in RUNS for claim in self.folder.claimed_by(run)]
        return any(c.file == path.name and self.folder.content(c) == path.read_bytes() for c in owned)

    @rule(data=st.data())
    def what_was_filed_is_dropped_again(self, data):
        filed = [claim for claims in self.filed.values() for claim in claims]
        free = [claim for claim in filed if not (self.folder.path / claim.file).exists()]
        if not free:
            return
        claim = data.draw(st.sampled_from(free))
        content = self.folder.content(claim).decode()
        self.drops[content] += 1
        drop(self.folder.path, claim.file, content)

    @rule(run=st.sampled_from(RUNS))
    def a_run_claims(self, run):
        self.active.add(run)
        claims = self.folder.claim(run, self.is_active)
        for claim in claims:
            others = [other for other in RUNS if other != run and claim.key in self.held[other]]
            assert not any(other in self.active for other in others)
            for other in others:
                del self.held[other][claim.key]
        assert set(self.held[run]) <= {claim.key for claim in claims}
        self.held[run] = {claim.key: claim for claim in claims}

    @rule(run=st.sampled_from(RUNS), error=errors, crashes=st.booleans(), data=st.data())
    def a_run_files(self, run, error, crashes, data):
        if not self.held[run]:
            return
        claim = data.draw(st.sampled_from(list(self.held[run].values())))
        if crashes:
            with mock.patch.object(WatchFolder, "_forget", side_effect=Crash), contextlib.suppress(Crash):
                self.folder.file_away(claim, run, error)
        else:
            assert self.folder.file_away(claim, run, error) is not None
        del self.held[run][claim.key]
        self.filed[run].append(claim)

    @rule(run=st.sampled_from(RUNS), error=errors, data=st.data())
    def a_cleared_run_files_again(self, run, error, data):
        if self.filed[run]:
            claim = data.draw(st.sampled_from(self.filed[run]))
            if claim.key not in self.held[run]:
                self.folder.file_away(claim, run, error)

    @rule(run=st.sampled_from(RUNS), data=st.data())
    def a_run_gives_back(self, run, data):
        if self.held[run]:
            claim = data.draw(st.sampled_from(list(self.held[run].values())))
            self.folder.release(claim, run)
            del self.held[run][claim.key]

    @rule(run=st.sampled_from(RUNS))
    def a_run_is_killed(self, run):
        self.active.discard(run)

    @invariant()
    def nothing_is_doubled(self):
        found = self.contents()
        assert all(found[content] <= self.drops[content] for content in found)

    @rule()
    def in_the_end_everything_is_filed(self):
        self.active.clear()
        for claim in self.folder.claim("last", self.is_active):
            assert self.folder.file_away(claim, "last", None) is not None
        found = self.contents()
        assert all(found[content] >= 1 for content, times in self.drops.items() if times)
        assert waiting(self.folder, self.is_active) == []
        self.held = {run: {} for run in RUNS}

    def contents(self):
        places = (self.folder.path, self.folder.path / "done", self.folder.path / "rejected")
        files = [path for place in places if place.is_dir() for path in place.iterdir() if path.is_file()]
        return Counter(path.read_text() for path in files if not path.name.endswith(".error.txt"))


Drops.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestNothingIsLost = Drops.TestCase
