# Thin names for what scripts/ does.
.PHONY: check test demo install lock clean

check test:
	./scripts/test

demo:
	./scripts/demo

install:
	./scripts/install

lock:
	./scripts/lock

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
