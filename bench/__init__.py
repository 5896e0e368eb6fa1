"""Timings of exact work beside the peers: `make bench` runs all rows and writes docs/benchmarks.md.

Each row is a file that also runs alone, as `.venv-peers/bin/python -m bench.compose`. The peers are pinned in
requirements.txt and live in an environment of their own; nothing here asserts anything about time. `agreement` compares
values in place of times: `make agreement`.
"""
