"""The subcommands of `rmt-rank`."""
