# Every target sets up what it needs, from a fresh clone on a machine with
# Python >= 3.11 and a C++20 compiler; what is up to date is left alone.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := build/stamps

ENGINE_SOURCES := CMakeLists.txt src/kernelet/_version.py \
    $(shell find engine bindings -name '*.h' -o -name '*.cpp' -o -name '*.inl')

.PHONY: build
build: $(STAMPS)/build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "kernelet needs Python 3.11 or later; '$(PYTHON)' is not." \
	         "Name another with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "'$(PYTHON)' cannot make a virtual environment." \
	         "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# pip before 25.1 does not know dependency groups.
$(STAMPS)/tools: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	$(PIP) install --quiet --group build
	@mkdir -p $(@D) && touch $@

$(STAMPS)/build: $(STAMPS)/tools $(ENGINE_SOURCES)
	$(PIP) install --quiet --no-build-isolation --editable . \
	    --config-settings=cmake.define.KERNELET_WARNINGS_AS_ERRORS=ON
	@mkdir -p $(@D) && touch $@
