# For people. Everything here is one command that also works by hand; the build
# itself is CMakeLists.txt with the presets of CMakePresets.json.
#
#   make demo     a local mesh of real processes does real work
#   make test     build and run all tests           (PRESET=asan, tsan, coverage)
#   make bench    measure, beside raw libzmq and raw SQLite
#   make lint     format, layers, purity, sizes, clang-tidy
#   make format   let clang-format write
#   make fuzz     every fuzz target for SECONDS=60 each
#   make install  PREFIX=/usr/local

PRESET  ?= release
SECONDS ?= 60
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc)
BUILD    = build/$(PRESET)

.PHONY: all build setup setup-dev demo test bench lint format fuzz install clean

all: build

# Debian packages that are missing are installed, with root's rights or sudo.
setup:
	@tools/setup build
setup-dev:
	@tools/setup build dev

build: setup
	@cmake --preset $(PRESET) -Wno-dev > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

demo: build
	@$(BUILD)/bin/covey demo

test: setup-dev build
	@tools/run-tests $(BUILD)

bench: build
	@bench/run $(BUILD)

lint: setup-dev build
	@tools/lint $(BUILD)

format: setup-dev
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

fuzz: setup-dev
	@$(MAKE) --no-print-directory build PRESET=fuzz
	@tools/fuzz build/fuzz $(SECONDS)

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf build
