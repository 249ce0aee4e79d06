"""Speed of the Fuss-Catalan law: the table of the times that test_law.py takes."""

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy
from test_law import DEPTHS, MEIJER_POINTS, POINTS

HERE = Path(__file__).parent


def seconds():
    """Least time of every benchmark: the one that the machine's other work disturbed least."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.json"
        command = [sys.executable, "-P", "-m", "pytest", str(HERE / "test_law.py"), "-q"]
        # the suite's options switch benchmarks off; here they are all there is
        command += ["-o", "addopts=--import-mode=importlib", f"--benchmark-json={path}"]
        subprocess.run(command, check=True)
        results = json.loads(path.read_text())
    times = {b["name"]: b["stats"]["min"] for b in results["benchmarks"]}
    return times, results["machine_info"]["cpu"].get("brand_raw", platform.processor())


def table():
    times, machine = seconds()
    beta, beta_ppf = times["test_pdf_and_cdf_of_beta"], times["test_ppf_of_beta"]
    lines = [
        "# Speed of the Fuss-Catalan law",
        "",
        f"Made by `make benchmark`. {machine}, one thread; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}. Least of several rounds, "
        f"{POINTS:,} points, all in one run.",
        "",
        "| what | rival | ns a point | rival's | ratio | bar |",
        "|--|--|--:|--:|--:|--:|",
    ]

    def row(what, rival, own, other, bar):
        lines.append(
            f"| {what} | {rival} | {own / POINTS * 1e9:.0f} | {other / POINTS * 1e9:.0f} "
            f"| {own / other:.2f} | {bar} |"
        )

    for depth in DEPTHS:
        own = times[f"test_pdf_and_cdf[{depth}]"]
        row(f"pdf + cdf, depth {depth:g}", "`scipy.stats.beta(0.5, 1.5)`", own, beta, "<= 1.5")
    row("SciPy's wrapper alone", "the same", times["test_pdf_and_cdf_of_uniform"], beta, "-")
    for depth in DEPTHS:
        row(f"ppf, depth {depth:g}", "its ppf", times[f"test_ppf[{depth}]"], beta_ppf, "<= 1.5")
    row("SciPy's wrapper alone", "the same", times["test_ppf_of_uniform"], beta_ppf, "-")
    own = times["test_density"] / POINTS
    for where, what, bar in (
        ("same", "pdf, depth 4, the same points", ">= 10,000"),
        ("best", "the same where the rival is fastest", "-"),
    ):
        other = times[f"test_density_by_meijer_g[{where}]"] / len(MEIJER_POINTS[where])
        lines.append(
            f"| {what} | `mpmath.meijerg` | {own * 1e9:.0f} | {other * 1e9:,.0f} "
            f"| {other / own:,.0f} times faster | {bar} |"
        )
    lines += [
        "",
        "The floor. A point is read and written once (16 bytes) and passes SciPy's masks and "
        "copies: the lines of the wrapper alone, which the laws cannot beat. Beyond it, at least "
        "a power, a logarithm and three tangents for each of pdf and cdf, some 10 ns where NumPy "
        "vectorises them, and thirty multiplications and additions: about 90 ns in all for "
        "pdf + cdf. Up to depth 10 that and a "
        "Chebyshev series of some thirty terms is all that is done (spectral_inversion.py); "
        "deeper laws take one or two Newton steps, about 70 ns each, and quantiles two to four.",
    ]
    return "\n".join(lines) + "\n"
