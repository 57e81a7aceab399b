/* Hostile zips of weights: a small valid one with a few bytes changed, each refused with its
 * sentence; arrays with wrong headers; archives of Keras whose parts do not fit; every prefix and
 * every flipped bit survived. */
#include "base/file.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "make_files.h"

/* ---- opening */

static tw_status open_bytes(const uint8_t *bytes, size_t n, tw_error *err)
{
    tw_weight_file file;
    tw_status rc;
    unsigned sum = 0;
    uint8_t *copy = malloc(n + !n); /* of exactly its size: reading on is found */
    memcpy(copy, bytes, n);
    rc = tw_weight_file_borrow(&file, copy, n, "f", err);
    for (int i = 0; rc == TW_OK && i < file.n_tensors; i++) {
        const tw_tensor *t = &file.tensors[i].tensor;
        const size_t n_bytes = (size_t)tw_shape_size(&t->shape) * tw_dtype_size(t->dtype);
        for (size_t k = 0; k < n_bytes; k++)
            sum += ((const uint8_t *)t->data)[k];
    }
    assert_true(sum < UINT32_MAX); /* all of it has been read */
    if (rc == TW_OK)
        tw_weight_file_close(&file);
    free(copy);
    return rc;
}

/* Takes b. `what` is shown beside a wrong sentence; true when it was right. */
static bool is_refused(blob *b, const char *what, const char *sentence)
{
    char wanted[1024];
    tw_error err = {TW_OK, ""};
    const tw_status rc = open_bytes(b->bytes, b->n, &err);
    bool ok;
    snprintf(wanted, sizeof wanted, "f%s", sentence);
    ok = rc == TW_EFILE && strcmp(err.text, wanted) == 0;
    if (!ok)
        print_message("%s: wanted \"%s\", got \"%s\"\n", what, wanted, err.text);
    blob_free(b);
    return ok;
}

/* ---- zips to change */

#define F4 "{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }"
static const float numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};

typedef enum base { PLAIN, NUMPY, ZIP64, N_BASE } base;
typedef enum part {
    LOCAL_A,
    DATA_A,
    LOCAL_B,
    DATA_B,
    ENTRY_A,
    ENTRY_B,
    EXTRA_A,
    END64,
    LOCATOR,
    END,
    N_PART
} part;

typedef struct victim {
    blob b;
    size_t at[N_PART]; /* where each part begins */
} victim;

static void put(victim *v, size_t at, int n, uint64_t value)
{
    assert_true(at + (size_t)n <= v->b.n);
    for (int i = 0; i < n; i++)
        v->b.bytes[at + (size_t)i] = (uint8_t)(value >> (8 * i));
}

/* Sizes and place of entry a go into a zip64 field that is put behind its name. */
static void widen_entry(blob *directory, size_t n_bytes)
{
    blob wide = {0};
    blob_add(&wide, directory->bytes, 46 + 5);
    memset(wide.bytes + 20, 0xff, 8);
    memset(wide.bytes + 42, 0xff, 4);
    wide.bytes[30] = 28;
    blob_le(&wide, 1, 2);
    blob_le(&wide, 24, 2);
    blob_le(&wide, n_bytes, 8);
    blob_le(&wide, n_bytes, 8);
    blob_le(&wide, 0, 8);
    blob_add(&wide, directory->bytes + 46 + 5, directory->n - 46 - 5);
    blob_free(directory);
    *directory = wide;
}

static void end_zip64(victim *v, const zip_maker *z, size_t offset)
{
    v->at[END64] = v->b.n;
    blob_le(&v->b, 0x06064b50, 4);
    blob_le(&v->b, 44, 8);
    blob_le(&v->b, 45 | 45 << 16, 4);
    blob_le(&v->b, 0, 8);
    blob_le(&v->b, (uint64_t)z->n, 8);
    blob_le(&v->b, (uint64_t)z->n, 8);
    blob_le(&v->b, z->directory.n, 8);
    blob_le(&v->b, offset, 8);
    v->at[LOCATOR] = v->b.n;
    blob_le(&v->b, 0x07064b50, 4);
    blob_le(&v->b, 0, 4);
    blob_le(&v->b, v->at[END64], 8);
    blob_le(&v->b, 1, 4);
}

/* a.npy stored, b.npy deflated. */
static victim make_victim(base kind)
{
    zip_maker z = {.numpy = kind == NUMPY};
    victim v = {0};
    size_t offset, n_a;
    zip_add_npy(&z, "a.npy", F4, numbers, sizeof numbers);
    n_a = z.file.n - 30 - 5;
    v.at[DATA_A] = 30 + 5 + (z.numpy ? 20 : 0);
    v.at[LOCAL_B] = z.file.n;
    v.at[DATA_B] = z.file.n + 30 + 5 + (z.numpy ? 20 : 0);
    z.method = 8;
    zip_add_npy(&z, "b.npy", F4, numbers, sizeof numbers);
    v.at[ENTRY_A] = offset = z.file.n;
    v.at[ENTRY_B] = offset + z.directory.n / 2;
    if (kind == ZIP64) {
        v.at[EXTRA_A] = offset + 46 + 5;
        widen_entry(&z.directory, n_a);
        v.at[ENTRY_B] = v.at[EXTRA_A] + 28;
        v.b = z.file;
        blob_add(&v.b, z.directory.bytes, z.directory.n);
        end_zip64(&v, &z, offset);
        z.file = (blob){0};
        zip_end(&z); /* its end record alone: all in the other */
        v.at[END] = v.b.n;
        blob_add(&v.b, z.file.bytes + z.file.n - 22, 22);
        blob_free(&z.file);
        put(&v, v.at[END] + 8, 4, 0xffffffff);
        put(&v, v.at[END] + 12, 8, UINT64_MAX);
        return v;
    }
    zip_end(&z);
    v.b = z.file;
    v.at[END] = v.b.n - 22;
    return v;
}

static void the_zips_are_whole(void **state)
{
    tw_error err = {TW_OK, ""};
    (void)state;
    for (base kind = PLAIN; kind < N_BASE; kind++) {
        victim v = make_victim(kind);
        if (open_bytes(v.b.bytes, v.b.n, &err))
            fail_msg("%s", err.text);
        blob_free(&v.b);
    }
}

/* In the zip, n bytes at `offset` of the part become `value`. */
typedef struct row {
    base kind;
    part what;
    int offset, n;
    uint64_t value;
    const char *sentence;
} row;

static const row rows[] = {
    /* the end record */
    {PLAIN, END, 0, 1, 'X', ": no end record of a zip in its last 381 bytes: truncated or no zip"},
    {PLAIN, END, 20, 2, 1, ": no end record of a zip in its last 381 bytes: truncated or no zip"},
    {PLAIN, END, 4, 2, 1, ": part of a zip of several disks"},
    {PLAIN, END, 6, 2, 1, ": part of a zip of several disks"},
    {PLAIN, END, 8, 2, 1, ": part of a zip of several disks"},
    {PLAIN, END, 10, 2, 3, ": part of a zip of several disks"},
    {PLAIN, END, 8, 4, 0x00030003, ": zip directory has 2 members, its end record says 3"},
    {PLAIN, END, 8, 4, 0x00010001, ": zip directory has 2 members, its end record says 1"},
    {PLAIN, END, 8, 4, 0, ": zip directory has 2 members, its end record says 0"},
    {PLAIN, END, 12, 4, 0x7fffffff,
     ": zip directory of 2147483647 bytes at byte 257 does not fit before its end record at byte "
     "359"},
    {PLAIN, END, 12, 4, 50, ": damaged zip directory at byte 257"},
    {PLAIN, END, 12, 4, 0, ": zip directory has 0 members, its end record says 2"},
    {PLAIN, END, 16, 4, 0x7fffffff,
     ": zip directory of 102 bytes at byte 2147483647 does not fit before its end record at byte "
     "359"},
    {PLAIN, END, 16, 4, 1, ": damaged zip directory at byte 1"},
    {PLAIN, END, 16, 4, 0xffffffff, ": sizes are in a zip64 record, which is missing"},
    {PLAIN, END, 12, 4, 0xffffffff, ": sizes are in a zip64 record, which is missing"},
    /* zip64's */
    {ZIP64, END64, 0, 1, 'X', ": no zip64 record at byte 387"},
    {ZIP64, LOCATOR, 0, 1, 'X', ": sizes are in a zip64 record, which is missing"},
    {ZIP64, LOCATOR, 4, 4, 1, ": a zip of 1 disks, only one is read"},
    {ZIP64, LOCATOR, 16, 4, 2, ": a zip of 2 disks, only one is read"},
    {ZIP64, LOCATOR, 8, 8, UINT64_MAX,
     ": zip64 record at byte 18446744073709551615, the file has 485"},
    {ZIP64, LOCATOR, 8, 8, 0, ": no zip64 record at byte 0"},
    {ZIP64, END64, 16, 4, 1, ": part of a zip of several disks"},
    {ZIP64, END64, 20, 4, 1, ": part of a zip of several disks"},
    {ZIP64, END64, 24, 8, UINT64_MAX, ": part of a zip of several disks"},
    {ZIP64, END64, 32, 8, UINT64_MAX, ": part of a zip of several disks"},
    {ZIP64, END64, 40, 8, UINT64_MAX,
     ": zip directory of 18446744073709551615 bytes at byte 257 does not fit before its end record "
     "at byte 387"},
    {ZIP64, END64, 48, 8, UINT64_MAX,
     ": zip directory of 130 bytes at byte 18446744073709551615 does not fit before its end record "
     "at byte 387"},
    {ZIP64, END64, 48, 8, UINT64_MAX - 100,
     ": zip directory of 130 bytes at byte 18446744073709551515 does not fit before its end record "
     "at byte 387"},
    {ZIP64, EXTRA_A, 2, 2, 0xffff, ":a.npy: damaged extra fields in the zip directory"},
    {ZIP64, EXTRA_A, 2, 2, 16, ":a.npy: damaged extra fields in the zip directory"},
    {ZIP64, EXTRA_A, 0, 2, 2, ":a.npy: damaged extra fields in the zip directory"},
    {ZIP64, EXTRA_A, 4, 8, UINT64_MAX,
     ":a.npy: says 18446744073709551615 bytes, its 99 in the file cannot hold that"},
    {ZIP64, EXTRA_A, 4, 8, 1, ":a.npy: says 1 bytes, its 99 in the file cannot hold that"},
    {ZIP64, EXTRA_A, 12, 8, UINT64_MAX,
     ":a.npy: 18446744073709551615 bytes at byte 0 do not fit before the zip directory at byte "
     "257"},
    {ZIP64, EXTRA_A, 20, 8, UINT64_MAX,
     ":a.npy: 99 bytes at byte 18446744073709551615 do not fit before the zip directory at byte "
     "257"},
    {ZIP64, EXTRA_A, 20, 8, 1, ":a.npy: no whole member at byte 1"},
    /* entries of the directory */
    {PLAIN, ENTRY_A, 0, 1, 'X', ": damaged zip directory at byte 257"},
    {PLAIN, ENTRY_A, 8, 2, 1, ":a.npy: encrypted"},
    {PLAIN, ENTRY_A, 10, 2, 12,
     ":a.npy: compression method 12, only stored (0) and deflated (8) are read"},
    {PLAIN, ENTRY_A, 10, 2, 99,
     ":a.npy: compression method 99, only stored (0) and deflated (8) are read"},
    {PLAIN, ENTRY_A, 10, 2, 8, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, ENTRY_A, 16, 4, 0, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, ENTRY_A, 20, 4, 1, ":a.npy: says 99 bytes, its 1 in the file cannot hold that"},
    {PLAIN, ENTRY_A, 20, 4, 0x7fffffff,
     ":a.npy: 2147483647 bytes at byte 0 do not fit before the zip directory at byte 257"},
    {PLAIN, ENTRY_A, 24, 4, 1, ":a.npy: says 1 bytes, its 99 in the file cannot hold that"},
    {PLAIN, ENTRY_A, 24, 4, 0xffffffff, ":a.npy: damaged extra fields in the zip directory"},
    {PLAIN, ENTRY_A, 28, 2, 0xffff, ": damaged zip directory at byte 257"},
    {PLAIN, ENTRY_A, 28, 2, 4, ": damaged zip directory at byte 307"},
    {PLAIN, ENTRY_A, 30, 2, 0xffff, ": damaged zip directory at byte 257"},
    {PLAIN, ENTRY_A, 32, 2, 0xffff, ": damaged zip directory at byte 257"},
    {PLAIN, ENTRY_A, 34, 2, 1, ":a.npy: on disk 1 of a zip of several disks"},
    {PLAIN, ENTRY_A, 42, 4, 0x7fffffff,
     ":a.npy: 99 bytes at byte 2147483647 do not fit before the zip directory at byte 257"},
    {PLAIN, ENTRY_A, 42, 4, 1, ":a.npy: no whole member at byte 1"},
    {PLAIN, ENTRY_A, 42, 4, 0xffffffff, ":a.npy: damaged extra fields in the zip directory"},
    {PLAIN, ENTRY_A, 46, 1, 'b', ":b.npy: header at byte 0 and zip directory differ"},
    {PLAIN, ENTRY_A, 46, 1, 'c', ":c.npy: header at byte 0 and zip directory differ"},
    {PLAIN, ENTRY_A, 46, 1, 0, ":: header at byte 0 and zip directory differ"},
    {PLAIN, ENTRY_B, 42, 4, 0, ":b.npy: header at byte 0 and zip directory differ"},
    {PLAIN, ENTRY_B, 24, 4, 1, ":b.npy: header at byte 134 and zip directory differ"},
    {PLAIN, ENTRY_B, 24, 4, 0x7fffffff,
     ":b.npy: says 2147483647 bytes, its 88 in the file cannot hold that"},
    {PLAIN, ENTRY_B, 24, 4, 100, ":b.npy: header at byte 134 and zip directory differ"},
    {PLAIN, ENTRY_B, 20, 4, 9, ":b.npy: header at byte 134 and zip directory differ"},
    {PLAIN, ENTRY_B, 16, 4, 7, ":b.npy: header at byte 134 and zip directory differ"},
    {PLAIN, ENTRY_B, 10, 2, 0, ":b.npy: says 99 bytes, its 88 in the file cannot hold that"},
    /* local headers and data */
    {PLAIN, LOCAL_B, 0, 1, 'X', ":b.npy: no whole member at byte 134"},
    {PLAIN, LOCAL_A, 6, 2, 1, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 8, 2, 8, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 14, 4, 0, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 18, 4, 1, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 22, 4, 1, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 26, 2, 0xffff, ":a.npy: no whole member at byte 0"},
    {PLAIN, LOCAL_A, 26, 2, 4, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 28, 2, 0xffff, ":a.npy: no whole member at byte 0"},
    {PLAIN, LOCAL_A, 28, 2, 40, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 28, 2, 4, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, LOCAL_A, 30, 1, 'b', ":a.npy: header at byte 0 and zip directory differ"},
    {NUMPY, LOCAL_A, 37, 2, 0xffff, ":a.npy: header at byte 0 and zip directory differ"},
    {NUMPY, LOCAL_A, 37, 2, 8, ":a.npy: header at byte 0 and zip directory differ"},
    {NUMPY, LOCAL_A, 39, 8, 1, ":a.npy: header at byte 0 and zip directory differ"},
    {NUMPY, LOCAL_A, 47, 8, UINT64_MAX, ":a.npy: header at byte 0 and zip directory differ"},
    {PLAIN, DATA_A, 0, 1, 'X', ":a: checksum ab0edfcf, the zip directory says f03322b2"},
    {PLAIN, DATA_A, 90, 1, 0, ":a: checksum 2ea121b5, the zip directory says f03322b2"},
    {PLAIN, DATA_B, 0, 1, 7, ":b: damaged after 1 of 88 compressed bytes: invalid block type"},
    {PLAIN, DATA_B, 20, 4, 0, ":b: 66 bytes after the end of the compressed data"},
};

static void every_change_gets_its_sentence(void **state)
{
    int n_wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        victim v = make_victim(rows[i].kind);
        char what[32];
        snprintf(what, sizeof what, "row %zu", i);
        put(&v, v.at[rows[i].what] + (size_t)rows[i].offset, rows[i].n, rows[i].value);
        n_wrong += !is_refused(&v.b, what, rows[i].sentence);
    }
    assert_int_equal(n_wrong, 0);
}

/* ---- arrays */

#define NPY(descr, order, shape) \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"

/* The header's text, how many of the 32 bytes of numbers follow. */
static const struct {
    const char *header;
    size_t n;
    const char *sentence;
} headers[] = {
    {NPY("'|O'", "False", "(8,)"), 32, ":w: Python objects are not read"},
    {NPY("'O'", "False", "(8,)"), 32, ":w: Python objects are not read"},
    {NPY("[('a', '<f4')]", "False", "(8,)"), 32, ":w: structured numbers are not read"},
    {NPY("'<U3'", "False", "(8,)"), 32, ":w: type '<U3' is not read"},
    {NPY("'<c8'", "False", "(8,)"), 32, ":w: type '<c8' is not read"},
    {NPY("'<f16'", "False", "(8,)"), 32, ":w: type '<f16' is not read"},
    {NPY("'<V4'", "False", "(8,)"), 32, ":w: type '<V4' is not read"},
    {NPY("'<M8'", "False", "(8,)"), 32, ":w: type '<M8' is not read"},
    {NPY("'f4'", "False", "(8,)"), 32, ":w: type 'f4' is not read"},
    {NPY("''", "False", "(8,)"), 32, ":w: type '' is not read"},
    {NPY("3", "False", "(8,)"), 32,
     ":w: .npy header: expected a type such as '<f4', found \"3, 'fortran_order': Fal\""},
    {NPY("None", "False", "(8,)"), 32,
     ":w: .npy header: expected a type such as '<f4', found \"None, 'fortran_order': \""},
    {NPY("'<f4", "False", "(8,)"), 32, ":w: type '<f4, ' is not read"},
    {NPY("'>f4'", "False", "(8,)"), 32, ":w: big-endian numbers are not read"},
    {NPY("'<u2'", "False", "(16,)"), 32, ":w: unsigned numbers of more than a byte are not read"},
    {NPY("'<f4'", "True", "(2, 4)"), 32, ":w: in Fortran order, only C order is read"},
    {NPY("'<f4'", "1", "(8,)"), 32,
     ":w: .npy header: expected True or False, found \"1, 'shape': (8,)}\""},
    {NPY("'<f4'", "false", "(8,)"), 32,
     ":w: .npy header: expected True or False, found \"false, 'shape': (8,)}\""},
    {NPY("'<f4'", "None", "(8,)"), 32,
     ":w: .npy header: expected True or False, found \"None, 'shape': (8,)}\""},
    {NPY("'<f4'", "Fals", "(8,)"), 32,
     ":w: .npy header: expected True or False, found \"Fals, 'shape': (8,)}\""},
    {NPY("'<f4'", "False", "(-8,)"), 32, ":w: .npy header: expected a size, found \"-8,)}\""},
    {NPY("'<f4'", "False", "(8)"), 32,
     ":w: .npy header: expected a comma in the brackets, found \"}\""},
    {NPY("'<f4'", "False", "8"), 32, ":w: .npy header: expected a shape in brackets, found \"8}\""},
    {NPY("'<f4'", "False", "[8]"), 32,
     ":w: .npy header: expected a shape in brackets, found \"[8]}\""},
    {NPY("'<f4'", "False", "(8, )8"), 32, ":w: .npy header: expected a comma, found \"8}\""},
    {NPY("'<f4'", "False", "(8 8)"), 32, ":w: .npy header: expected a comma, found \"8)}\""},
    {NPY("'<f4'", "False", "(,)"), 32, ":w: .npy header: expected a size, found \",)}\""},
    {NPY("'<f4'", "False", "(8.0,)"), 32, ":w: .npy header: expected a comma, found \".0,)}\""},
    {NPY("'<f4'", "False", "(99999999999999999999,)"), 32,
     ":w: .npy header: expected a size below 2^63, found \"99,)}\""},
    {NPY("'<f4'", "False", "(4611686018427387904, 4)"), 32,
     ":w: 32 bytes of numbers do not make 4611686018427387904x4 of F32"},
    {NPY("'<f4'", "False", "(4294967296, 4294967296)"), 32,
     ":w: 32 bytes of numbers do not make 4294967296x4294967296 of F32"},
    {NPY("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 8)"), 32, ":w: more than 8 dimensions"},
    {NPY("'<f4'", "False", "(7,)"), 32, ":w: 32 bytes of numbers do not make 7 of F32"},
    {NPY("'<f4'", "False", "(9,)"), 32, ":w: 32 bytes of numbers do not make 9 of F32"},
    {NPY("'<f4'", "False", "(0,)"), 32, ":w: 32 bytes of numbers do not make 0 of F32"},
    {NPY("'<f4'", "False", "()"), 32, ":w: 32 bytes of numbers do not make scalar of F32"},
    {NPY("'<f4'", "False", "(8,"), 32, ":w: .npy header: expected a size, found \"}\""},
    {NPY("'<f4'", "False", "('8',)"), 32, ":w: .npy header: expected a size, found \"'8',)}\""},
    {NPY("'<f4'", "False", "(8,)"), 31, ":w: 31 bytes of numbers do not make 8 of F32"},
    {NPY("'<f4'", "False", "(8,)"), 0, ":w: 0 bytes of numbers do not make 8 of F32"},
    {"{}", 32, ":w: .npy header lacks descr"},
    {"", 32, ":w: .npy header: expected a dict in braces, found \"\""},
    {"[1]", 32, ":w: .npy header: expected a dict in braces, found \"[1]\""},
    {"{'descr': '<f4'}", 32, ":w: .npy header lacks fortran_order"},
    {"{'descr': '<f4', 'shape': (8,)}", 32, ":w: .npy header lacks fortran_order"},
    {NPY("'<f4'", "False", "(8,), 'shape': (8,)"), 32, ":w: .npy header has shape twice"},
    {NPY("'<f4'", "False", "(8,), 'more': 1"), 32, ":w: .npy header has an unknown key 'more'"},
    {NPY("'<f4'", "False", "(8,)") "x", 32,
     ":w: .npy header: expected nothing but spaces after the dict, found \"x\""},
    {"{'descr' '<f4'}", 32, ":w: .npy header: expected a colon, found \"'<f4'}\""},
    {"{1: 2}", 32, ":w: .npy header: expected a key, found \"1: 2}\""},
    {"{'descr': '<f4' 'shape': (8,)}", 32,
     ":w: .npy header: expected a comma, found \"'shape': (8,)}\""},
};

static void every_header_gets_its_sentence(void **state)
{
    int n_wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        zip_maker z = {0};
        zip_add_npy(&z, "w.npy", headers[i].header, numbers, headers[i].n);
        zip_end(&z);
        n_wrong += !is_refused(&z.file, headers[i].header, headers[i].sentence);
    }
    assert_int_equal(n_wrong, 0);
}

/* The first bytes of an array. */
static const struct {
    int offset, n;
    uint64_t value;
    const char *sentence;
} starts[] = {
    {0, 1, 0x92, ":w: does not begin as a .npy does"},
    {1, 1, 'n', ":w: does not begin as a .npy does"},
    {6, 1, 0, ":w: .npy version 0.0, 1.0 to 3.0 are read"},
    {6, 1, 4, ":w: .npy version 4.0, 1.0 to 3.0 are read"},
    {7, 1, 1, ":w: .npy version 1.1, 1.0 to 3.0 are read"},
    {6, 1, 2, ":w: .npy header of 662372409 bytes, at most 10000 are read"},
    {8, 2, 0xffff, ":w: .npy header of 65535 bytes, at most 10000 are read"},
    {8, 2, 10001, ":w: .npy header of 10001 bytes, at most 10000 are read"},
    {8, 2, 1000, ":w: truncated: .npy header of 1000 bytes, 89 are there"},
    {8, 2, 0, ":w: .npy header: expected a dict in braces, found \"\""},
    {8, 2, 20, ":w: .npy header: expected a key, found \"'fo\""},
};

static void every_start_gets_its_sentence(void **state)
{
    int n_wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        zip_maker z = {0};
        victim npy = {0};
        blob_npy(&npy.b, F4, numbers, sizeof numbers);
        put(&npy, (size_t)starts[i].offset, starts[i].n, starts[i].value);
        zip_add(&z, "w.npy", &npy.b);
        blob_free(&npy.b);
        zip_end(&z);
        n_wrong += !is_refused(&z.file, "start", starts[i].sentence);
    }
    assert_int_equal(n_wrong, 0);
}

/* ---- members */

static void add_text(zip_maker *z, const char *name, const char *text)
{
    blob b = {0};
    blob_add(&b, text, strlen(text));
    zip_add(z, name, &b);
    blob_free(&b);
}

static void members_that_do_not_belong_are_named(void **state)
{
    static const char *const sets[][4] = {
        {"a.txt", "b", NULL,
         ": a zip without model.weights.h5, data.pkl or arrays, it has a.txt, b"},
        {"model.weights.npz", "config.json", NULL,
         ": model.weights.npz holds Python objects, only model.weights.h5 is read"},
        {"model.weights.h5", NULL, NULL, ":model.weights.h5: not an HDF5 file"},
        {"a.txt", "b.npy", NULL, ": its member a.txt is no array"},
        {".npy", NULL, NULL, ": its member .npy is no array"},
        {"b.npy", "b.npy", NULL, ": holds b.npy twice"},
        {"", "b.npy", NULL, ": a member without a name"},
        {"b.npy", NULL, NULL, ":b: does not begin as a .npy does"},
    };
    int n_wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        zip_maker z = {0};
        for (int k = 0; sets[i][k]; k++)
            add_text(&z, sets[i][k], "text");
        zip_end(&z);
        n_wrong += !is_refused(&z.file, sets[i][0], sets[i][3]);
    }
    assert_int_equal(n_wrong, 0);
}

static void a_name_with_a_zero_byte_is_refused(void **state)
{
    victim v = make_victim(PLAIN);
    (void)state;
    put(&v, v.at[LOCAL_A] + 31, 1, 0);
    put(&v, v.at[ENTRY_A] + 47, 1, 0);
    assert_true(is_refused(&v.b, "zero", ": a member with a zero byte in its name"));
}

/* b.npy lies in a.npy: the same bytes twice. */
static void members_in_members_are_refused(void **state)
{
    zip_maker inner = {0}, z = {0};
    (void)state;
    zip_add_npy(&inner, "b.npy", F4, numbers, sizeof numbers);
    zip_add(&z, "a.npy", &inner.file);
    inner.directory.bytes[42] = 30 + 5;
    blob_add(&z.directory, inner.directory.bytes, inner.directory.n);
    z.n++;
    zip_end(&z);
    assert_true(is_refused(&z.file, "inner", ": a.npy and b.npy overlap"));
    blob_free(&inner.file);
    blob_free(&inner.directory);
}

static void a_zip_of_nothing_is_refused(void **state)
{
    zip_maker z = {0};
    (void)state;
    zip_end(&z); /* an end record only: does not begin like a member */
    assert_true(is_refused(&z.file, "nothing",
                           ": neither Keras .h5, .keras, npz, safetensors, PyTorch nor ONNX"));
}

/* 4 GB of zeros in 4 MB are believed by nobody who has to keep them; nor is one byte too many. */
static void bombs_are_told_from_their_sizes(void **state)
{
    zip_maker z = {.method = 8, .n_bytes_is = 4000000000};
    zip_maker more = {.method = 8, .n_bytes_is = 89}, less = {.method = 8, .n_bytes_is = 101};
    (void)state;
    zip_add_npy(&z, "w.npy", F4, numbers, sizeof numbers);
    zip_end(&z);
    assert_true(is_refused(&z.file, "bomb",
                           ":w.npy: says 4000000000 bytes, its 88 in the file cannot hold that"));
    zip_add_npy(&more, "w.npy", F4, numbers, sizeof numbers);
    zip_end(&more);
    assert_true(is_refused(&more.file, "more", ":w: inflates to more than the 89 bytes due"));
    zip_add_npy(&less, "w.npy", F4, numbers, sizeof numbers);
    zip_end(&less);
    assert_true(
        is_refused(&less.file, "less", ":w: truncated: inflates to 99 of the 101 bytes due"));
}

/* ---- archives of Keras */

static void read_golden(blob *out, const char *name)
{
    char path[512], *bytes;
    size_t n;
    snprintf(path, sizeof path, "%s/h5/%s", TW_TEST_DATA, name);
    assert_ok(tw_file_read(&bytes, &n, path, 1 << 20, e));
    blob_add(out, bytes, n);
    tw_free(bytes);
}

#define CONV(name) "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"" name "\"}}"
#define DENSE "{\"class_name\": \"Dense\", \"config\": {\"name\": \"fc1\"}}"
#define INNER(layers) \
    "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" layers "]}}"
#define MODEL(layers) "{\"config\": {\"layers\": [" layers "]}}"

static void names_that_do_not_fit_are_told(void **state)
{
    static const char *const configs[][2] = {
        {"{", ":config.json: not valid JSON at line 1 column 1: string or '}' expected near end of "
              "file"},
        {"{}", ": config.json: no list of layers for layers/"},
        {"{\"config\": {\"layers\": 3}}", ": config.json: no list of layers for layers/"},
        {MODEL("3"), ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("{\"class_name\": \"Dense\"}"),
         ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("{\"class_name\": 3, \"config\": {\"name\": \"a\"}}"),
         ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL(CONV("a") ", " DENSE), ": config.json has no layer for layers/conv2d_1"},
        {MODEL(CONV("a") ", " CONV("b")), ": config.json has no layer for layers/dense"},
        {MODEL(CONV("a") ", " CONV("b") ", " CONV("c") ", " DENSE),
         ": config.json has more layers of class conv2d than layers/"},
        {"", ":config.json: not valid JSON at line 1 column 0: unexpected token near end of file"},
        {"\xff", ":config.json: not valid JSON at line 1 column 0: unable to decode byte 0xff"},
        {"{\"config\": 1, \"config\": 2}", ":config.json: not valid JSON at line 1 column 22: "
                                           "duplicate object key near '\"config\"'"},
        {MODEL(DENSE) "x",
         ":config.json: not valid JSON at line 1 column 77: end of file expected near 'x'"},
        {"{\"config\": {\"layers\": [1e999]}}",
         ":config.json: not valid JSON at line 1 column 28: real number overflow near '1e999'"},
        {"null", ": config.json: no list of layers for layers/"},
        {"[]", ": config.json: no list of layers for layers/"},
        {"\"config\"", ": config.json: no list of layers for layers/"},
        {"{\"config\": null}", ": config.json: no list of layers for layers/"},
        {"{\"config\": []}", ": config.json: no list of layers for layers/"},
        {"{\"config\": {\"layers\": null}}", ": config.json: no list of layers for layers/"},
        {"{\"config\": {\"layers\": {}}}", ": config.json: no list of layers for layers/"},
        {"{\"config\": {\"layers\": \"conv2d\"}}", ": config.json: no list of layers for layers/"},
        {MODEL(""), ": config.json has no layer for layers/conv2d"},
        {MODEL("null"), ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("[]"), ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("{}"), ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL(DENSE ", {\"config\": {\"name\": \"a\"}}"),
         ": config.json: layer 1 of layers/ has no class or no name"},
        {MODEL("{\"class_name\": \"Dense\", \"config\": \"a\"}"),
         ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("{\"class_name\": \"Dense\", \"config\": {\"name\": 7}}"),
         ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("{\"class_name\": \"Dense\", \"config\": {\"name\": null}}"),
         ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL("{\"class_name\": [\"Dense\"], \"config\": {\"name\": \"a\"}}"),
         ": config.json: layer 0 of layers/ has no class or no name"},
        {MODEL(INNER("3")),
         ": config.json: layer 0 of layers/functional/layers/ has no class or no name"},
        {MODEL(INNER("") ", " INNER(DENSE ", {}")),
         ": config.json: layer 1 of layers/functional_1/layers/ has no class or no name"},
        {MODEL(INNER(CONV("a") ", " CONV("b") ", " DENSE)),
         ": config.json has no layer for layers/conv2d"},
        {MODEL("{\"class_name\": \"../../x\", \"config\": {\"name\": \"m\", \"layers\": [1]}}"),
         ": config.json: layer 0 of layers/../../x/layers/ has no class or no name"},
        {MODEL("{\"class_name\": \"\\u001b[31m\", \"config\": {\"name\": \"m\", \"layers\": [1]}}"),
         ": config.json: layer 0 of layers/?[31m/layers/ has no class or no name"},
    };
    int n_wrong = 0;
    blob weights = {0};
    (void)state;
    read_golden(&weights, "unnamed.weights.h5");
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        zip_maker z = {0};
        zip_add(&z, "model.weights.h5", &weights);
        add_text(&z, "config.json", configs[i][0]);
        zip_end(&z);
        n_wrong += !is_refused(&z.file, configs[i][0], configs[i][1]);
    }
    blob_free(&weights);
    assert_int_equal(n_wrong, 0);
}

/* What is wrong with a member of an archive, which is good else. */
static void archives_made_wrong_are_refused(void **state)
{
    enum { LOCAL_CRC = 14, ENTRY_FLAGS = 8, ENTRY_METHOD = 10, ENTRY_CRC = 16, ENTRY_NAME = 46 };
    static const struct {
        const char *weights; /* NULL: good ones */
        unsigned method;
        int second; /* whether the entry of config.json is changed, not that of the weights */
        int at;     /* in the entry; < 0: nothing */
        uint8_t value;
        const char *sentence;
    } sets[] = {
        {"", 0, 0, -1, 0, ":model.weights.h5: not an HDF5 file"},
        {"\x89HDF\r\n\x1a\n", 0, 0, -1, 0, ":model.weights.h5: not an HDF5 file"},
        {"PK\3\4", 0, 0, -1, 0, ":model.weights.h5: not an HDF5 file"},
        {"text", 8, 0, -1, 0, ":model.weights.h5: not an HDF5 file"},
        {NULL, 0, 0, ENTRY_FLAGS, 1, ":model.weights.h5: encrypted"},
        {NULL, 0, 1, ENTRY_FLAGS, 1, ":config.json: encrypted"},
        {NULL, 0, 0, ENTRY_METHOD, 8,
         ":model.weights.h5: header at byte 0 and zip directory differ"},
        {NULL, 0, 0, ENTRY_METHOD, 12,
         ":model.weights.h5: compression method 12, only stored (0) and deflated (8) are read"},
        {NULL, 0, 1, ENTRY_METHOD, 93,
         ":config.json: compression method 93, only stored (0) and deflated (8) are read"},
        {NULL, 0, 0, ENTRY_CRC, 0,
         ":model.weights.h5: checksum 2dc13303, the zip directory says 2dc13300"},
        {NULL, 8, 0, ENTRY_CRC, 0,
         ":model.weights.h5: checksum 2dc13303, the zip directory says 2dc13300"},
        {NULL, 8, 1, ENTRY_CRC, 0,
         ":config.json: checksum 1ce73a37, the zip directory says 1ce73a00"},
        {NULL, 0, 0, ENTRY_NAME, 'M',
         ":Model.weights.h5: header at byte 0 and zip directory differ"},
        {NULL, 0, 1, ENTRY_NAME, 'C',
         ":Config.json: header at byte 23590 and zip directory differ"},
    };
    int n_wrong = 0;
    blob good = {0};
    (void)state;
    read_golden(&good, "unnamed.weights.h5");
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        zip_maker z = {.method = sets[i].method};
        size_t entry, local;
        blob weights = {0};
        blob_add(&weights, sets[i].weights ? sets[i].weights : (char *)good.bytes,
                 sets[i].weights ? strlen(sets[i].weights) : good.n);
        zip_add(&z, "model.weights.h5", &weights);
        entry = sets[i].second ? z.directory.n : 0;
        local = sets[i].second ? z.file.n : 0;
        add_text(&z, "config.json", MODEL(CONV("a") ", " CONV("b") ", " DENSE));
        if (sets[i].at >= 0)
            z.directory.bytes[entry + (size_t)sets[i].at] = sets[i].value;
        if (sets[i].at == ENTRY_CRC)
            z.file.bytes[local + LOCAL_CRC] = sets[i].value;
        zip_end(&z);
        n_wrong += !is_refused(&z.file, sets[i].sentence, sets[i].sentence);
        blob_free(&weights);
    }
    blob_free(&good);
    assert_int_equal(n_wrong, 0);
}

static void too_many_layers_are_refused(void **state)
{
    blob weights = {0}, config = {0};
    zip_maker z = {0};
    (void)state;
    read_golden(&weights, "unnamed.weights.h5");
    blob_add(&config, "{\"config\": {\"layers\": [0", 25);
    for (int i = 0; i < 4096; i++)
        blob_add(&config, ",0", 2);
    blob_add(&config, "]}}", 3);
    zip_add(&z, "model.weights.h5", &weights);
    zip_add(&z, "config.json", &config);
    zip_end(&z);
    assert_true(
        is_refused(&z.file, "many", ": config.json: more than 4096 layers, or models 16 deep"));
    blob_free(&weights);
    blob_free(&config);
}

static void models_too_deep_are_refused(void **state)
{
    blob weights = {0}, config = {0};
    zip_maker z = {0};
    (void)state;
    read_golden(&weights, "unnamed.weights.h5");
    blob_add(&config, "{", 1);
    for (int i = 0; i < 18; i++) {
        const char open[] = "\"class_name\": \"F\", \"config\": {\"name\": \"f\", \"layers\": [{";
        blob_add(&config, open, strlen(open));
    }
    for (int i = 0; i < 18; i++)
        blob_add(&config, "}]}", 3);
    blob_add(&config, "}", 1);
    zip_add(&z, "model.weights.h5", &weights);
    zip_add(&z, "config.json", &config);
    zip_end(&z);
    assert_true(
        is_refused(&z.file, "deep", ": config.json: more than 4096 layers, or models 16 deep"));
    blob_free(&weights);
    blob_free(&config);
}

/* ---- any damage */

static void take_file(blob *out, int i)
{
    static const char *const names[] = {"weights.npz", "weights_deflated.npz", "names.npz",
                                        "tf213.keras", "unnamed.keras"};
    enum { N_NAMES = sizeof names / sizeof names[0] };
    if (i < N_NAMES)
        read_golden(out, names[i]);
    else
        *out = make_victim((base)(i - N_NAMES)).b;
}
enum { N_FILES = 5 + N_BASE };

static void no_prefix_opens(void **state)
{
    tw_error err;
    (void)state;
    for (int i = 0; i < N_FILES; i++) {
        blob b = {0};
        take_file(&b, i);
        for (size_t n = 0; n < b.n; n++)
            assert_int_equal(open_bytes(b.bytes, n, &err), TW_EFILE);
        blob_free(&b);
    }
}

static void any_flipped_bit_is_survived(void **state)
{
    tw_error err;
    (void)state;
    for (int i = 0; i < N_FILES; i++) {
        blob b = {0};
        take_file(&b, i);
        for (size_t bit = 0; bit < 8 * b.n; bit++) {
            tw_status rc;
            b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            rc = open_bytes(b.bytes, b.n, &err);
            assert_true(rc == TW_OK || rc == TW_EFILE);
            b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        blob_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zips_are_whole),
        cmocka_unit_test(every_change_gets_its_sentence),
        cmocka_unit_test(every_header_gets_its_sentence),
        cmocka_unit_test(every_start_gets_its_sentence),
        cmocka_unit_test(members_that_do_not_belong_are_named),
        cmocka_unit_test(a_name_with_a_zero_byte_is_refused),
        cmocka_unit_test(members_in_members_are_refused),
        cmocka_unit_test(a_zip_of_nothing_is_refused),
        cmocka_unit_test(bombs_are_told_from_their_sizes),
        cmocka_unit_test(names_that_do_not_fit_are_told),
        cmocka_unit_test(archives_made_wrong_are_refused),
        cmocka_unit_test(too_many_layers_are_refused),
        cmocka_unit_test(models_too_deep_are_refused),
        cmocka_unit_test(no_prefix_opens),
        cmocka_unit_test(any_flipped_bit_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
