"""Declarations of studies: what JSON and TOML can hold, and paths as users write them."""

import codecs
import json
import math

import numpy as np
import pytest

from rmt_rank.study import Study, open_study, run_study

DECLARED = """
[study]
widths = [2]
depths = [1]
samples = 40
"""


def strict(text):
    """Parse JSON without its extensions nan and inf."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.mark.parametrize("order", [math.inf, "inf", np.float64("inf")])
def test_the_order_inf_is_valid_json_and_read_back(order, tmp_path):
    pytest.importorskip("xarray", reason="xarray is not installed")
    study = Study([2], [1], 40, statistics=[{"name": "effective_rank", "order": order}])
    assert strict(json.dumps(study.to_dict()))["statistics"][0]["order"] == "inf"
    assert Study(**study.to_dict()) == study
    first = run_study(study, tmp_path / "store")
    strict((tmp_path / "store" / "study.json").read_text())
    assert strict(first.attrs["study"])["statistics"][0]["order"] == "inf"
    assert run_study(study, tmp_path / "store").identical(first)
    assert "effective_rank_order_inf" in first


def test_equal_studies_have_one_hash():
    studies = [
        Study([2], [1], 40, statistics=[{"name": "effective_rank", "power": power}])
        for power in (2, 2.0, np.float32(2))
    ]
    assert len(set(studies)) == 1
    assert Study([2], [1], 41) not in set(studies)


def test_a_leading_tilde_is_the_home_folder(tmp_path, monkeypatch):
    pytest.importorskip("xarray", reason="xarray is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text(DECLARED)
    study = Study.from_toml("~/grid.toml")
    result = run_study(study, "~/kept")
    assert (tmp_path / "kept" / "study.json").exists()
    assert not (tmp_path / "~").exists()
    assert open_study("~/kept").identical(result)


def test_a_byte_order_mark_is_left_out(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_bytes(codecs.BOM_UTF8 + DECLARED.encode())
    assert Study.from_toml(path) == Study([2], [1], 40)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DECLARED.encode("utf-16"), "is not a TOML file: it is not UTF-8"),
        (b"[study]\nname = '\xe9'", "is not a TOML file: it is not UTF-8"),
        (DECLARED.encode() + b"samples = 41", "is not a TOML file: Cannot overwrite a value"),
        (DECLARED.encode() + DECLARED.encode(), "is not a TOML file: Cannot declare"),
        (b"a = " + b"[" * 100_000, "is not a TOML file"),
        (b"", "must have one table"),
        (b"study = 5", "must have one table"),
        (DECLARED.replace("40", "'40'").encode(), "samples must be an integer"),
        (DECLARED.replace("40", "40.0").encode(), "samples must be an integer"),
        (DECLARED.replace("[2]", "2").encode(), "widths must be a sequence of integers"),
        (DECLARED.replace("[1]", "'a'").encode(), "depths must be a sequence of integers"),
        (DECLARED.replace("[1]", "[[1]]").encode(), "depths must be an integer"),
        (DECLARED.encode() + b"seed = 2024-01-01", "seed must be an integer"),
        (DECLARED.encode() + b"statistics = [{name = 1}]", "statistics must have names"),
        (DECLARED.encode() + b"statistics = ['rank']", "statistic must be callable or one of"),
        (DECLARED.encode() + b"control_variates = 'no'", "control_variates must be True or False"),
    ],
)
def test_errors_in_a_file_are_reported_with_its_name(tmp_path, content, message):
    path = tmp_path / "grid.toml"
    path.write_bytes(content)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        Study.from_toml(path)
    assert "grid.toml" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("make", "reason"), [("missing", "No such file or directory"), ("folder", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, make, reason):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=f"{make} cannot be read: {reason}") as caught:
        Study.from_toml(tmp_path / make)
    assert "Errno" not in str(caught.value)


def test_errors_of_few_samples_and_of_empty_bins(tmp_path):
    pytest.importorskip("xarray", reason="xarray is not installed")
    bins = {"name": "spectral_measure", "bins": [0, 50, 98, 99]}
    for samples, error in ((31, math.nan), (40, 1 / 40)):
        study = Study([2], [1], samples, statistics=["effective_rank", bins])
        found = run_study(study, tmp_path / str(samples)).squeeze()
        assert math.isnan(found.effective_rank_error) == math.isnan(error)
        np.testing.assert_equal(found.spectral_measure_error[-1].item(), error)
