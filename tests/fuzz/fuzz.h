/*
 * What the fuzz targets share. A target is one file, fuzz_<parser>.c, with LLVMFuzzerTestOneInput,
 * and one row in CMakeLists.txt; its seeds lie in corpus/<parser>/. Three programs are made of it:
 * libFuzzer's (`make fuzz`), and in every build a test that replays the corpus (replay.c).
 *
 * The rule that every input is held to, counted over the whole process, libraries included: memory
 * at most input + declared decoded size + 32 MB, less than a second of processor time, and either
 * success or one printable sentence that names the file. Whoever breaks it is aborted.
 */
#ifndef TW_TESTS_FUZZ_H
#define TW_TESTS_FUZZ_H

#include <tw/error.h>

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Path of a file in memory that holds the bytes; the next call overwrites it. */
const char *fuzz_file(const uint8_t *data, size_t n);
/* The same under a name, in a folder that lives as long as the process; gives the folder. */
const char *fuzz_folder(const char *name, const uint8_t *data, size_t n);

/* The parser's work lies between begin and end, freeing included. */
void fuzz_begin(void);
void fuzz_end(size_t n_input, size_t n_declared);

/* TW_OK, or TW_EFILE with a sentence that names `name`. */
void fuzz_clean(tw_status rc, const tw_error *err, const char *name);
/* The same where wrong input is a wrong use: TW_EUSAGE is as good. */
void fuzz_clean_usage(tw_status rc, const tw_error *err, const char *name);

/* Reads every byte, so that the sanitizers see whether they are there. */
void fuzz_touch(const void *bytes, size_t n);

#endif
