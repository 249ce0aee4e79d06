"""The paper's tables, claims, experiments and figures."""
