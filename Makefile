# A thin front for CMake. `make PRESET=dev` builds another preset (release, dev, asan, clang).
PRESET ?= release
BUILD = build/$(PRESET)
JOBS ?= $(shell nproc)
DESTDIR ?=
PREFIX ?= /usr/local

.PHONY: all check lint bench install clean format

all: $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/CMakeCache.txt:
	cmake --preset $(PRESET) -DCMAKE_INSTALL_PREFIX=$(PREFIX)

# Every test; the last line is "N passed, N failed, N skipped", counted in test cases.
check: all
	@tools/run_tests.sh $(BUILD)

lint:
	@tools/lint.sh

bench: all
	@tools/bench.sh $(BUILD)

install: all
	cmake $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null
	DESTDIR=$(DESTDIR) cmake --install $(BUILD)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build
