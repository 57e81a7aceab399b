# A thin front for CMake. `make PRESET=dev` builds another preset (release, dev, asan, clang, fuzz).
PRESET ?= release
BUILD = build/$(PRESET)
JOBS ?= $(shell nproc)
DESTDIR ?=
PREFIX ?= /usr/local

.PHONY: all check demo lint bench bench-recipes kill-test fuzz install uninstall deb check-deb clean format

all: $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/CMakeCache.txt:
	cmake --preset $(PRESET)

# Every test; the last line is "N passed, N failed, N skipped", counted in test cases.
check: all
	@tools/run_tests.sh $(BUILD)

# The main job on built-in data; leaves everything in demo-run/.
demo: all
	@tools/demo.sh $(BUILD)

lint:
	@tools/lint.sh

bench: all
	@tools/bench.sh $(BUILD)

# Both recipes end to end beside Keras and PyTorch, about 20 minutes; SHARED has data/ and weights/.
SHARED ?= ../shared
bench-recipes: all
	@python3 bench/recipes.py $(BUILD) $(SHARED) --rounds $${BENCH_ROUNDS:-1} --note "$${BENCH_NOTE:-}" --results bench/RESULTS.md

# A run killed at random moments; make kill-test KILLS=1000
KILLS ?= 100
kill-test: all
	@tools/kill_test.sh $(BUILD) $(KILLS)

# Each parser against libFuzzer (needs clang); make fuzz SECONDS=300 TARGET=h5
SECONDS ?= 60
TARGET ?=
fuzz:
	@[ -f build/fuzz/CMakeCache.txt ] || cmake --preset fuzz
	@cmake --build build/fuzz -j $(JOBS) --target fuzzers
	@tools/fuzz.sh build/fuzz $(SECONDS) $(TARGET)

install: all
	@tools/install.sh $(BUILD) $(PREFIX) $(DESTDIR)

uninstall:
	@tools/uninstall.sh $(BUILD) $(DESTDIR)

# build/release/topwork_VERSION_ARCH.deb; check-deb installs it in a clean root (as root)
deb: all
	@cd $(BUILD) && cpack -G DEB >cpack.log || { cat cpack.log; exit 1; }
	@ls $(BUILD)/*.deb

check-deb: deb
	@tools/check_deb.sh $(BUILD)/*.deb

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build
