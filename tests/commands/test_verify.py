"""`rmt-rank verify`: its output, exit codes and files, and that it can fail."""

import contextlib
import csv
import dataclasses
import json
import os
import pty
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rmt_rank import __version__
from rmt_rank.__main__ import run as rmt_rank_main
from rmt_rank._lib import atomic
from rmt_rank.commands import verify as command
from rmt_rank.exact.gaussian import quadrature
from rmt_rank.paper.claims import CLAIMS, claim, select
from rmt_rank.paper.claims.finite_width import random_products as finite_width
from rmt_rank.simulation.means import chain_statistics
from rmt_rank.simulation.products import methods as products
from rmt_rank.simulation.products import triangular_factors as factors
from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian import effective_rank

THEOREM_1 = [claim for claim in CLAIMS if claim.name.startswith("theorem1.")]
# a few seconds instead of twenty
QUICK = ["--depths", "1,2", "--widths", "16", "--samples", "200", "--digits", "15"]
# one of those that take no time
CHEAP = "metrics.errata.definition-4"


def verify(*arguments):
    return command.main([*arguments])


def scale_factors(monkeypatch, scale):
    """Multiply every random matrix by a number."""
    right = products.draw_factors

    def scaled(*arguments, **options):
        for factor in right(*arguments, **options):
            yield factors.TriangularFactor(factor.diagonal * scale, factor.above * scale)

    monkeypatch.setattr(products, "draw_factors", scaled)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One whole run in a process of its own: its folder and its outcome."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ["theorem1", *QUICK, "--csv", "evidence.csv", "--json", "evidence.json"]
    arguments += ["--figure", "picture.png"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "rmt_rank.verify", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return folder, done


class TestAllHold:
    def test_exit_code_and_summary(self, run):
        _, done = run
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        last = done.stdout.splitlines()[-1]
        assert last.endswith(" refuted, as expected")
        assert "FAILS" not in last
        assert last.split()[1] == "checks:"

    def test_every_claim_is_there_in_plain_text(self, run):
        _, done = run
        for each in THEOREM_1:
            assert f"{each.name}  [{each.status}]" in done.stdout
        assert "\x1b" not in done.stdout
        assert all(len(line) <= 100 for line in done.stdout.splitlines())

    def test_json(self, run):
        folder, done = run
        content = json.loads((folder / "evidence.json").read_text())
        assert content["rmt_rank"] == __version__
        assert content["complete"] is True
        assert content["settings"]["depths"] == [1, 2]
        assert [claim["name"] for claim in content["claims"]] == [c.name for c in THEOREM_1]
        lines = [line for claim in content["claims"] for line in claim["evidence"]]
        assert f"{len(lines)} checks" in done.stdout
        assert {line["verdict"] for line in lines} == {"holds", "refuted"}
        assert content["monte_carlo"][0]["width"] == 16
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["evidence.csv", "evidence.json", "picture.png"]
        with (folder / "evidence.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        assert [row["how"] for row in table] == [line["how"] for line in lines]
        assert [row["verdict"] for row in table] == [line["verdict"] for line in lines]
        claims = [*dict.fromkeys((row["claim"], row["status"]) for row in table)]
        assert claims == [(c.name, c.status) for c in THEOREM_1]

    def test_figure(self, run):
        folder, _ = run
        assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_same_seed_same_numbers(tmp_path):
    runs = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        path = tmp_path / name
        arguments = ["theorem1.finite-width", *QUICK, "--seed", seed, "--quiet"]
        assert verify(*arguments, "--json", str(path)) == 0
        runs.append(json.loads(path.read_text())["monte_carlo"])
    assert runs[0] == runs[1] != runs[2]


def test_complex_entries_and_skipped_depths(capsys):
    arguments = ["--depths", "1,2.5,9", "--widths", "16", "--samples", "50", "--field", "complex"]
    assert verify("theorem1.finite-width", *arguments) == 0
    printed = capsys.readouterr().out
    assert "not an integer, so there are no matrices" in printed
    assert "the limit needs depth <= width/4" in printed
    assert "; 2 not checked" in printed


def test_figure_7(tmp_path, monkeypatch, capsys):
    from rmt_rank.commands import verify_output as output
    from rmt_rank.paper.claims.gaussian import singular_values

    for each in (singular_values, output):
        monkeypatch.setattr(each, "PAPER_WIDTHS", (8, 24))
    path = tmp_path / "figure.svg"
    arguments = ["--samples", "400", "--widths", "16", "--figure", str(path)]
    assert verify("singular-values", *arguments) == 0
    assert "mean distance from Eq. 5: width 24 over width 8" in capsys.readouterr().out
    assert path.read_bytes().startswith(b"<?xml")


def test_quiet_prints_one_line(capsys):
    assert verify(CHEAP, "--quiet") == 0
    assert capsys.readouterr().out == "2 checks: 1 holds; 1 statement refuted, as expected\n"


def test_list(capsys):
    assert verify("--list") == 0
    printed = capsys.readouterr().out
    for each in CLAIMS:
        assert each.name in printed
    assert verify("metrics", "--list") == 0
    assert "theorem1" not in capsys.readouterr().out


def test_list_on_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setattr("rmt_rank.commands.verify_report._PLAIN_WIDTH", 60)
    assert verify(CHEAP, "--list") == 0
    (claim,) = select([CHEAP])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{CHEAP}  [{claim.status}]"
    assert max(map(len, lines)) <= 60
    assert claim.argued.split()[0] in " ".join(lines)


def test_as_subcommand(capsys):
    assert rmt_rank_main(["verify", CHEAP, "--quiet"]) == 0
    assert "2 checks" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        rmt_rank_main(["verify", "nonsense"])
    assert stop.value.code == 2
    assert "rmt-rank verify: error: unknown claim 'nonsense'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        rmt_rank_main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"rmt_rank {__version__}\n"


class TestItCanFail:
    """One constant corrupted at a time: exit 1, and the right line named."""

    def failures(self, capsys, claim):
        assert verify(claim, *QUICK) == 1
        printed = capsys.readouterr().out
        assert "FAILS" in printed.splitlines()[-1]
        return printed

    def test_a_sign_in_the_closed_form(self, monkeypatch, capsys):
        right = effective_rank._entropy_part
        monkeypatch.setattr(effective_rank, "_entropy_part", lambda y: -right(y))
        printed = self.failures(capsys, "theorem1.closed-form")
        assert "FAILS  theorem1.closed-form: rho in float64 against quadrature" in printed

    def test_a_coefficient_of_the_derivative(self, monkeypatch, capsys):
        right = effective_rank._bracket
        monkeypatch.setattr(effective_rank, "_bracket", lambda x, z: right(x, z * (1 + 1e-12)))
        printed = self.failures(capsys, "theorem1.derivative")
        assert "FAILS  theorem1.derivative: d rho/dL in float64 against differences" in printed

    def test_an_edge_of_the_support(self, monkeypatch, capsys):
        right = spectral_angle.largest_value
        wrong = lambda depth, exponent: right(depth, exponent) * (1 + 1e-10)  # noqa: E731
        monkeypatch.setattr(spectral_angle, "largest_value", wrong)
        monkeypatch.setattr("rmt_rank.theory.gaussian.inversion.largest_value", wrong)
        printed = self.failures(capsys, "theorem1.density")
        assert "FAILS  theorem1.density: float64 pdf, cdf, sf against quadrature" in printed

    def test_a_term_of_the_printed_density(self, monkeypatch, capsys):
        right = quadrature.jacobian_at
        monkeypatch.setattr(quadrature, "jacobian_at", lambda phi, L: right(phi, L) * 1.0000001)
        monkeypatch.setattr(
            "rmt_rank.exact.gaussian.angles.jacobian_at", quadrature.jacobian_at, raising=False
        )
        printed = self.failures(capsys, "theorem1.density")
        assert "FAILS  theorem1.density" in printed

    def test_the_scale_of_the_matrices(self, monkeypatch, capsys):
        scale_factors(monkeypatch, 1.1)
        printed = self.failures(capsys, "theorem1.finite-width")
        assert "width 16: pooled singular values against Eq. 5" in printed
        # the effective rank does not depend on a scale
        assert "FAILS  theorem1.finite-width: width 16: mean effective rank" not in printed

    def test_matrices_that_are_not_gaussian(self, monkeypatch, capsys):
        right = factors.normals

        def signs(*arguments, **options):
            entries = right(*arguments, **options)
            return entries / np.abs(entries) * options["scale"] + 3 * options["scale"]

        monkeypatch.setattr(factors, "normals", signs)
        printed = self.failures(capsys, "theorem1.finite-width")
        assert "FAILS  theorem1.finite-width: width 16: mean effective rank against" in printed

    def test_a_limit_at_finite_width(self, monkeypatch, capsys):
        monkeypatch.setattr(
            finite_width, "differential_effective_rank", lambda depth: -0.3 * np.asarray(depth)
        )
        printed = self.failures(capsys, "theorem1.finite-width")
        assert "width 16: mean effective rank against log N + rho(L)" in printed

    @pytest.mark.parametrize("scale", [0.97, 1.03])
    def test_the_moments_detect_a_small_scale(self, monkeypatch, capsys, scale):
        # 200 chains of width 16: tr W^H W has a relative standard error of about 0.6 % at depth 1;
        # 1.03^2 - 1 = 6 % is ten of them
        scale_factors(monkeypatch, scale)
        printed = self.failures(capsys, "theorem1.finite-width")
        assert "width 16: E tr W^H W and E tr (W^H W)^2, known exactly" in printed

    def test_the_moments_detect_the_field(self, monkeypatch, capsys):
        # E tr (W^H W)^2 at depth 1 is (2N + 1)/N for real and 2 for complex entries: at width 4,
        # 0.25 against a standard error of some 0.02 from 4000 chains
        right = chain_statistics.new_chain
        monkeypatch.setattr(
            chain_statistics, "new_chain", lambda *a, **k: right(*a, **k | {"field": "complex"})
        )
        arguments = ["--depths", "1", "--widths", "4", "--samples", "4000"]
        assert verify("theorem1.finite-width", *arguments) == 1
        printed = capsys.readouterr().out
        assert "FAILS  theorem1.finite-width: width 4: E tr W^H W" in printed

    def test_a_rank_that_rises(self, monkeypatch, capsys):
        chain = claim.Context.chain

        def rising(context, width):
            statistics = chain(context, width)
            return dataclasses.replace(statistics, decrease=-statistics.decrease)

        monkeypatch.setattr(claim.Context, "chain", rising)
        printed = self.failures(capsys, "theorem1.finite-width")
        assert "FAILS  theorem1.finite-width: width 16: mean effective rank falls" in printed

    def test_a_check_that_breaks_is_an_error_and_the_others_run(self, monkeypatch, capsys):
        def stop(*_arguments, **_options):
            raise ArithmeticError("no convergence")

        monkeypatch.setattr(claim, "simulate_chain", stop)
        arguments = ["theorem1.finite-width", CHEAP]
        assert verify(*arguments, *QUICK) == 1
        printed = capsys.readouterr().out
        assert "ERROR  theorem1.finite-width: the check ended in an error" in printed
        assert "ArithmeticError: no convergence" in printed
        assert (
            printed.splitlines()[-1]
            == "3 checks: 1 holds; 1 statement refuted, as expected; 1 ERROR"
        )

    def test_an_erratum_that_is_not_an_error(self, monkeypatch, capsys):
        monkeypatch.setattr(
            "rmt_rank.exact.paper_integrand_derivative_area", lambda depth, digits: -1.0
        )
        printed = self.failures(capsys, "theorem1.errata.after-equation-11")
        assert "printed: the area under Eq. 11 is negative" in printed

    def test_quiet_still_names_the_line(self, monkeypatch, capsys):
        monkeypatch.setattr(effective_rank, "_bracket", lambda x, z: np.ones_like(x))
        assert verify("theorem1.derivative", *QUICK, "--quiet") == 1
        assert "FAILS  theorem1.derivative: d rho/dL in float64" in capsys.readouterr().out


class TestFewSamples:
    """Checks that a run cannot decide are reported as not checked; they neither hold nor fail."""

    def test_two_chains_do_not_show_a_decrease(self, capsys):
        arguments = ["--depths", "1,2", "--widths", "16", "--samples", "2"]
        assert verify("theorem1.finite-width", *arguments) == 0
        printed = capsys.readouterr().out
        assert "too few chains" in printed
        assert printed.splitlines()[-1].endswith("1 not checked")

    def test_one_singular_value(self, capsys):
        assert verify("theorem1.finite-width", "--widths", "1", "--depths", "1,2") == 0
        assert "its effective rank is 0 at any depth" in capsys.readouterr().out

    @pytest.mark.parametrize("depth", ["20", "40"])
    def test_levels_below_rounding_are_left_out(self, capsys, depth):
        arguments = ["--depths", depth, "--widths", "192", "--samples", "16"]
        assert verify("theorem1.finite-width", *arguments) == 0
        assert "3 checks: 3 hold" in capsys.readouterr().out


class TestTerminal:
    def test_no_number_is_cut(self, start):
        arguments = ["theorem1.finite-width", "--widths", "16", "--depths", "1,2"]
        # one process prints on terminals of all widths
        code = f"""
import fcntl, struct, termios
from rmt_rank.commands.verify import main
for columns in (32, 42, 80, 160):
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    assert main({[*arguments, "--samples", "64"]}) == 0
    print("end of", columns, flush=True)
"""
        master, terminal = (os.fdopen(end, "rb", buffering=0) for end in pty.openpty())
        with master:
            with terminal:
                environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
                process = start(
                    *(sys.executable, "-P", "-c", code),
                    stdout=terminal,
                    stderr=terminal,
                    # Rich takes a dumb terminal for one of 80 columns
                    env=environment | {"TERM": "xterm", "NO_COLOR": "1"},
                )
            printed = b""
            with contextlib.suppress(OSError):  # the terminal was closed
                while part := master.read(4096):
                    printed += part
        assert process.outcome().returncode == 0
        # without the progress bar, whose line is erased, and without codes
        kept = re.sub(r"[^\n]*\x1b\[2K", "", printed.decode())
        lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", kept).splitlines()
        begin = 0
        for columns in (32, 42, 80, 160):
            end = lines.index(f"end of {columns}")
            shown = lines[begin:end]
            begin = end + 1
            assert "\N{HORIZONTAL ELLIPSIS}" not in "".join(shown)
            # as wide as the terminal, so that its width was seen
            assert 0.8 * columns < max(map(len, shown)) <= columns
        assert begin == len(lines)


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "name a claim, for example theorem1; --list shows them all"),
            (["theorem2"], "unknown claim 'theorem2'; allowed: all, theorem1, errata"),
            (["theorem1", "--depths", "0"], "--depths must be finite and > 0, got 0.0"),
            (["theorem1", "--depths", "nan"], "--depths must be finite and > 0, got nan"),
            (["theorem1", "--depths", "a"], "--depths must be numbers > 0 separated by commas"),
            (["theorem1", "--depths", ""], "--depths must be numbers > 0 separated by commas"),
            (["theorem1", "--widths", "0"], "--widths must be integers >= 1 separated by co"),
            (["theorem1", "--widths", "2.5"], "--widths must be integers >= 1 separated by"),
            (["theorem1", "--widths", "1e9"], "width must be an integer >= 1 and <= 1000000, got"),
            (["limits", "--widths", "64,1e6"], "--widths and --depths must allow Monte Carlo: "),
            (["theorem1", "--samples", "1" + 9 * "0" + "1"], "--samples must be an integer >= 2"),
            (["theorem1", "--samples", "1"], "--samples must be an integer >= 2, got 1"),
            (["theorem1", "--samples", "x"], "--samples must be an integer >= 2, got 'x'"),
            (["theorem1", "--digits", "5"], "--digits must be an integer from 10 to 200, got 5"),
            (["theorem1", "--digits", "999"], "--digits must be an integer from 10 to 200, got"),
            (["theorem1", "--seed", "-1"], "--seed must be an integer >= 0, got -1"),
            (["theorem1", "--field", "octonion"], "argument --field: invalid choice: 'octonion'"),
            (["theorem1", "--figure", "a.bmp"], "--figure must end in one of .pdf, .png, .svg"),
            (["theorem1", "--figure", "a.pgn"], "got 'a.pgn'; did you mean '.png'?"),
        ],
    )
    def test_bad_values(self, capsys, arguments, message):
        with pytest.raises(SystemExit) as stop:
            verify(*arguments)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("option", ["--json", "--figure"])
    def test_paths_are_tried_before_any_work(self, monkeypatch, capsys, tmp_path, option):
        monkeypatch.setattr(command, "_run", lambda *_: pytest.fail("work was done"))
        for path in (tmp_path / "missing" / "x.png", tmp_path):
            path = path if option == "--json" else path.with_suffix(".png")
            if path == tmp_path.with_suffix(".png"):
                path.mkdir()
            with pytest.raises(SystemExit) as stop:
                verify("theorem1", option, str(path))
            assert stop.value.code == 2
            assert f"{option} cannot be written: {path} (" in capsys.readouterr().err

    def test_claims_without_samples_take_any_depth(self, monkeypatch):
        monkeypatch.setattr(command, "_run", lambda *_: 0)
        assert verify("theorem1.closed-form", "--depths", "1e9", "--widths", "1e9") == 0

    def test_cupy_without_a_gpu(self, capsys):
        try:
            import cupy

            if cupy.cuda.is_available():
                pytest.skip("there is a GPU here")
        except ImportError:
            pass
        with pytest.raises(SystemExit) as stop:
            verify("theorem1", "--backend", "cupy")
        assert stop.value.code == 2
        assert "backend 'cupy' was asked for, but" in capsys.readouterr().err


class TestNothingIsLost:
    def test_interrupt(self, monkeypatch, capsys, tmp_path):
        def stop(*_arguments, **_options):
            raise KeyboardInterrupt

        monkeypatch.setattr("rmt_rank.paper.claims.claim.simulate_chain", stop)
        path = tmp_path / "evidence.json"
        arguments = ["theorem1.closed-form", "theorem1.finite-width", *QUICK]
        assert verify(*arguments, "--json", str(path)) == 130
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == "6 checks: 6 hold; interrupted, the rest was not checked"
        content = json.loads(path.read_text())
        assert content["complete"] is False
        assert [len(claim["evidence"]) for claim in content["claims"]] == [6, 0]

    def test_interrupt_of_a_process(self, start):
        # widths that would take minutes
        arguments = ["theorem1.finite-width", "--widths", "256", "--samples", "100000"]
        process = start(sys.executable, "-P", "-m", "rmt_rank.verify", *arguments)
        process.stdout.readline()  # the header: arguments were read, work begins
        process.send_signal(signal.SIGINT)
        done = process.outcome()
        # a process that the signal itself ends is 130 to a shell, too
        assert done.returncode in (130, -signal.SIGINT)
        assert "interrupted, the rest was not checked" in done.stdout
        assert "Traceback" not in done.stderr

    def test_interrupt_before_the_first_claim(self, monkeypatch, capsys):
        def stop(*_arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(command.Report, "start", stop)
        assert verify("theorem1.closed-form", *QUICK) == 130
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == "0 checks: none; interrupted, the rest was not checked"

    def test_interrupt_between_two_claims(self, monkeypatch, capsys):
        right = command.Report.finish

        def stop(report, context):
            monkeypatch.setattr(command.Report, "finish", right)
            report.finish(context)
            raise KeyboardInterrupt

        monkeypatch.setattr(command.Report, "finish", stop)
        assert verify("theorem1.closed-form", "theorem1.finite-width", *QUICK) == 130
        printed = capsys.readouterr().out
        assert printed.count("theorem1.closed-form  [") == 1
        assert "theorem1.finite-width" not in printed
        assert "interrupted, the rest was not checked" in printed

    def test_in_a_thread(self):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(verify, CHEAP, "--quiet").result() == 0

    def test_an_old_file_survives_a_failed_write(self, monkeypatch, tmp_path):
        path = tmp_path / "evidence.json"
        path.write_text("old")

        def full_disk(_descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(atomic.os, "fsync", full_disk)
        assert verify(CHEAP, "--quiet", "--json", str(path)) == 2
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_link_is_kept_and_so_are_permissions(self, tmp_path):
        real, link = tmp_path / "real.json", tmp_path / "link.json"
        real.write_text("old")
        real.chmod(0o640)
        link.symlink_to(real)
        assert verify(CHEAP, "--quiet", "--json", str(link)) == 0
        assert link.is_symlink()
        assert json.loads(real.read_text())["complete"] is True
        assert real.stat().st_mode & 0o777 == 0o640

    def test_one_path_for_two_files_is_refused(self, capsys, tmp_path):
        path = tmp_path / "a.png"
        with pytest.raises(SystemExit) as stop:
            verify("theorem1", "--json", str(path), "--figure", f"{tmp_path}/./a.png")
        assert stop.value.code == 2
        assert "--json and --figure must be different files" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("redirection", "codes"),
        # the whole output fits into a pipe, and may be written before `head` exits
        [
            pytest.param("| head -1", {0, 141}, marks=pytest.mark.slow),
            (">&-", {0}),
            ("> /dev/full", {2}),
        ],
    )
    def test_pipes_and_full_disks(self, start, redirection, codes):
        program = f"{sys.executable} -P -m rmt_rank.verify {CHEAP} {redirection}"
        done = start("bash", "-c", f"{program}; exit ${{PIPESTATUS[0]}}").outcome()
        assert done.returncode in codes
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr

    def test_a_pipe_that_nobody_reads(self, start):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            arguments = ("-P", "-m", "rmt_rank.verify", CHEAP)
            done = start(sys.executable, *arguments, stdout=pipe).outcome()
        assert done.returncode == 141
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr

    @pytest.mark.usefixtures("signals")
    def test_a_second_interrupt_while_writing(self, monkeypatch, tmp_path):
        right = command.write_json

        def slowly(*arguments, **options):
            signal.raise_signal(signal.SIGINT)
            right(*arguments, **options)

        def stop(*_arguments, **_options):
            raise KeyboardInterrupt

        monkeypatch.setattr("rmt_rank.paper.claims.claim.simulate_chain", stop)
        monkeypatch.setattr(command, "write_json", slowly)
        path = tmp_path / "evidence.json"
        assert verify("theorem1.finite-width", *QUICK, "--quiet", "--json", str(path)) == 130
        assert json.loads(path.read_text())["complete"] is False
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_devices_are_written_to_not_replaced(self):
        assert verify(CHEAP, "--quiet", "--json", os.devnull) == 0
        assert Path(os.devnull).is_char_device()


class TestWorkers:
    def test_the_same_evidence(self, tmp_path):
        claims = ["metrics.definitions", "theorem1.finite-width", "metrics.identities"]
        content = []
        for jobs in ("1", "2"):
            path = tmp_path / f"{jobs}.json"
            assert verify(*claims, *QUICK, "--jobs", jobs, "--quiet", "--json", str(path)) == 0
            content.append(json.loads(path.read_text()))
            for chain in content[-1]["monte_carlo"]:
                chain.pop("seconds", None)
        one, two = content
        assert one["claims"] == two["claims"]
        assert one["monte_carlo"] == two["monte_carlo"]

    def test_a_worker_that_dies(self, monkeypatch, capsys):
        class End:
            def __reduce__(self):
                return os._exit, (1,)

        # the worker that unpickles it ends
        monkeypatch.setattr(command, "_check", End())
        assert verify("metrics.definitions", "metrics.identities", *QUICK, "--jobs", "2") == 1
        printed = capsys.readouterr()
        assert "a worker died" in printed.err
        assert "the rest was not checked" in printed.out

    def test_jobs_must_be_a_positive_number(self, capsys):
        with pytest.raises(SystemExit):
            verify(CHEAP, "--jobs", "0")
        assert "--jobs must be" in capsys.readouterr().err
