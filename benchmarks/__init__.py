"""What a webhook costs, as ratios in one run: `make bench`. How it is measured: docs/performance.md."""
