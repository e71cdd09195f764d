# Every target sets up what it needs, from a fresh clone on a machine with
# Python >= 3.11 and a C++20 compiler; what is up to date is left alone.

PYTHON ?= python3
VENV ?= .venv
TEST_WORKERS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := $(VENV)/stamps
CMAKE = $(BIN)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -S .
# Where an editable install compiles; pyproject.toml says the same.
ENGINE_BUILD = build/Release-$(shell $(BIN)/python -c 'import sys; print(sys.implementation.cache_tag)')
ENGINE_ONLY := -DKERNELET_BUILD_PYTHON=OFF -DKERNELET_BUILD_TESTS=ON \
    -DKERNELET_WARNINGS_AS_ERRORS=ON
INSTALL = $(PIP) install --quiet --no-build-isolation \
    --config-settings=cmake.define.KERNELET_WARNINGS_AS_ERRORS=ON --editable

ENGINE_SOURCES := CMakeLists.txt pyproject.toml src/kernelet/_version.py \
    $(shell find engine bindings -name '*.h' -o -name '*.cpp' -o -name '*.inl')
CPP_SOURCES = $(shell find engine bindings tests/engine \
    -name '*.h' -o -name '*.cpp' -o -name '*.inl')

.DEFAULT_GOAL := help
.PHONY: help build demo docs test test-engine test-neon test-old-processors \
    test-avx512 test-sanitize test-torch \
    lint stub format bench bench-operator hooks clean

help: ## say what there is to make
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	    awk -F'|' '{ printf "%-28s%s\n", $$1, $$2 }'

# --- Set-up --------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "kernelet needs Python 3.11 or later, and '$(PYTHON)' is not." >&2; \
	    echo "Name another one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "'$(PYTHON)' cannot make a virtual environment." >&2; \
	    echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# pip before 25.1 does not know dependency groups.
$(STAMPS)/tools: pyproject.toml | $(BIN)/python
	@command -v $${CXX:-c++} >/dev/null || { \
	    echo "kernelet needs a C++20 compiler: GCC 12, Clang 15 or later." >&2; \
	    echo "On Debian and Ubuntu: apt-get install g++" >&2; exit 1; }
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	$(PIP) install --quiet --group build
	@mkdir -p $(@D) && touch $@

$(STAMPS)/engine: $(STAMPS)/tools $(ENGINE_SOURCES)
	$(INSTALL) .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/development: pyproject.toml | $(STAMPS)/engine
	$(PIP) install --quiet --group dev
	$(INSTALL) '.[test]'
	@touch $@

$(STAMPS)/torch: pyproject.toml | $(STAMPS)/development
	$(INSTALL) '.[torch]'
	@touch $@

build: $(STAMPS)/engine ## compile the engine and install kernelet into .venv
	@# As in an installed wheel, also where Python is told to write no bytecode.
	@$(BIN)/python -m compileall -q src/kernelet

# --- Use -----------------------------------------------------------------------

demo: build ## train on the packaged sample
	$(BIN)/kernelet train

# --- Documentation -------------------------------------------------------------

$(STAMPS)/docs: pyproject.toml | $(STAMPS)/engine
	$(PIP) install --quiet --group docs
	$(INSTALL) '.[lab]'
	@touch $@

docs: $(STAMPS)/docs ## the course and the reference as a site, build/docs/index.html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --write-all \
	    -d build/doctrees docs build/docs
	@echo "Open build/docs/index.html in a browser."

# --- Tests ---------------------------------------------------------------------

test: lint test-engine ## everything but what needs PyTorch or an emulator
	$(BIN)/python -m pytest -m 'not torch' --numprocesses $(TEST_WORKERS)

test-engine: $(STAMPS)/development ## the engine's C++ test programs
	$(BIN)/cmake $(ENGINE_BUILD) -DKERNELET_BUILD_TESTS=ON >/dev/null
	$(BIN)/cmake --build $(ENGINE_BUILD)
	$(BIN)/ctest --test-dir $(ENGINE_BUILD) --output-on-failure

test-neon: $(STAMPS)/tools ## the same for 64-bit ARM, under qemu-user
	@command -v aarch64-linux-gnu-g++ >/dev/null && command -v qemu-aarch64 >/dev/null || { \
	    echo "Needs a cross compiler and an emulator." >&2; \
	    echo "On Debian and Ubuntu: apt-get install g++-aarch64-linux-gnu qemu-user" >&2; exit 1; }
	$(CMAKE) -B build/neon --toolchain cmake/aarch64-linux-gnu.cmake $(ENGINE_ONLY) >/dev/null
	$(BIN)/cmake --build build/neon
	$(BIN)/ctest --test-dir build/neon --output-on-failure --parallel $(TEST_WORKERS)

# That each kernel runs is tested, on a few cases; their results are those of test-engine.
# SandyBridge runs the kernels that Nehalem does; that it takes no others is what is tested.
test-old-processors: test-engine ## the same on emulated x86 processors without AVX-512, AVX2, AVX
	{ for processor in Haswell Nehalem; do \
	    printf "$$processor %s\n" $(filter-out %_processes,$(wildcard $(ENGINE_BUILD)/test_*)); \
	  done; printf "SandyBridge %s\n" $(ENGINE_BUILD)/test_cpu $(ENGINE_BUILD)/test_simd; \
	} | KERNELET_TEST_CASES=20 xargs --verbose --max-lines=1 --max-procs=$(TEST_WORKERS) \
	    qemu-x86_64 -cpu

test-avx512: $(STAMPS)/tools ## the same with AVX-512 and AVX512-BF16 by AVX2, for processors without them
	$(CMAKE) -B build/avx512 $(ENGINE_ONLY) -DKERNELET_EMULATE_AVX512=ON \
	    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 >/dev/null
	$(BIN)/cmake --build build/avx512
	$(BIN)/ctest --test-dir build/avx512 --output-on-failure --parallel $(TEST_WORKERS)

# Where threads share work, they do so in every case: the thread sanitizer needs few of them.
test-sanitize: $(STAMPS)/tools ## the same under the address, undefined-behaviour and thread sanitizers
	for sanitizer in address,undefined thread; do \
	    $(CMAKE) -B build/sanitize-$$sanitizer $(ENGINE_ONLY) -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	        -DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O1 -g1' \
	        -DKERNELET_SANITIZE=$$sanitizer >/dev/null && \
	    $(BIN)/cmake --build build/sanitize-$$sanitizer && \
	    if [ $$sanitizer = thread ]; then export KERNELET_TEST_CASES=20; fi && \
	    $(BIN)/ctest --test-dir build/sanitize-$$sanitizer --output-on-failure \
	        --parallel $(TEST_WORKERS) || exit 1; \
	done

test-torch: $(STAMPS)/torch ## tests against PyTorch, which is installed first
	$(BIN)/python -m pytest -m torch --numprocesses $(TEST_WORKERS)

# --- Form ----------------------------------------------------------------------

lint: $(STAMPS)/development ## formatting, lint, types, and whether the engine's stub is current
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run -Werror $(CPP_SOURCES)
	$(BIN)/mypy
	@$(BIN)/python -m nanobind.stubgen --quiet -m kernelet._engine -o build/_engine.pyi
	@diff -u src/kernelet/_engine.pyi build/_engine.pyi || { \
	    echo "src/kernelet/_engine.pyi is not what the engine offers: make stub" >&2; exit 1; }

stub: $(STAMPS)/development ## write the engine's stub anew
	$(BIN)/python -m nanobind.stubgen --quiet -m kernelet._engine -o src/kernelet/_engine.pyi

format: $(STAMPS)/development ## format everything
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CPP_SOURCES)

hooks: ## run the lint before every commit of this clone
	git config core.hooksPath .githooks

# --- Measurements --------------------------------------------------------------

$(STAMPS)/bench: pyproject.toml | $(STAMPS)/torch
	$(INSTALL) '.[bench]'
	@touch $@

$(STAMPS)/bench-all: pyproject.toml | $(STAMPS)/bench
	$(INSTALL) '.[bench-all]'
	@touch $@

bench: $(STAMPS)/bench-all ## compare with every other library (10 minutes); writes the README's table
	$(BIN)/python benchmarks/overview.py

bench-operator: $(STAMPS)/bench ## convolve and conv2d beside SciPy, OpenCV and PyTorch
	for name in image_filter signal_filter volume_filter batched_convolution batched_pooling method_choice; do \
	    $(BIN)/python benchmarks/$$name.py || exit 1; \
	done

clean: ## remove everything made here
	rm -rf build dist docs/course $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
