"""The printed and written output of `rmt-rank experiment` for every experiment."""

import pytest

from rmt_rank.__main__ import run
from rmt_rank.paper.experiments import EXPERIMENTS, find


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_tables_and_csv(name, tiny_runs, tmp_path, monkeypatch, capsys):
    dataset = tiny_runs(name)
    monkeypatch.setattr("rmt_rank.commands.experiment.run_experiment", lambda *_, **__: dataset)
    path = tmp_path / "all.csv"
    assert run(["experiment", name, "--tiny", "--csv", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    # a table or more: a head, and rows as long, none of them a word folded into letters
    heads = [i for i, line in enumerate(lines) if line.startswith(" ─")]
    assert heads
    for i in heads:
        assert len(lines[i - 1]) == len(lines[i]) == len(lines[i + 1])
        assert len(lines[i].strip().split()) == 1
    labels = {line[1:].split("  ")[0].strip() for line in lines if line.startswith(" ")}
    shown = [each for each in find(name).shown if dataset[each].notnull().any()]
    assert {each.replace("_", " ") for each in shown} <= labels
    header, *rows = path.read_text().splitlines()
    assert set(shown) <= set(header.split(","))
    assert 0 < len(rows) < 10_000
    assert path.stat().st_size < 1e6
