"""Run the claims and report the evidence: `python -m rmt_rank.verify theorem1`."""
