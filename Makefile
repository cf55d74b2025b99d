# Thin names for what scripts/ does.
.PHONY: check test explore crash demo fuzz install lock contract clean

check test:
	./scripts/test

explore:
	HUSHBELL_EXPLORE=1 ./scripts/test -m hypothesis

crash:
	HUSHBELL_CRASHES=$${HUSHBELL_CRASHES:-3000} ./scripts/test -n 0 tests/test_crash.py

demo:
	./scripts/demo

fuzz:
	.venv/bin/python fuzz/run.py $(ENTRY) $(SECONDS)

install:
	./scripts/install

contract:
	.venv/bin/python -m gateway.describe

lock:
	./scripts/lock

clean:
	rm -rf .venv .node build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
