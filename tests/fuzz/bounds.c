/*
 * Files that are too large for a corpus: many of whatever there can be many of, made here, and held
 * to the rule of the fuzz targets. What the parsers say is compared too.
 */
#include "fuzz.h"

#include "check.h"
#include "make_files.h"

#include "format/weights.h"

enum { MEGABYTE = 1 << 20 };

/* Opens the bytes, which are freed. `sentence` is what comes after "f: ", or after "f" where it
 * begins with a colon; NULL: it opens. */
static void open_blob(blob *b, size_t n_declared, const char *sentence)
{
    tw_weight_file file;
    tw_error err = {TW_OK, ""};
    char wanted[400] = "";
    tw_status rc;

    fuzz_begin();
    rc = tw_weight_file_borrow(&file, b->bytes, b->n, "f", &err);
    tw_weight_file_close(&file);
    fuzz_end(b->n, n_declared);
    fuzz_clean(rc, &err, "f");
    if (sentence)
        snprintf(wanted, sizeof wanted, "f%s%s", *sentence == ':' ? "" : ": ", sentence);
    assert_string_equal(err.text, wanted);
    blob_free(b);
}

static void add_times(blob *b, const void *piece, size_t n_piece, size_t n)
{
    const size_t begin = b->n;

    b->bytes = realloc(b->bytes, begin + n * n_piece + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(b->bytes + begin + i * n_piece, piece, n_piece);
    b->n = begin + n * n_piece;
}

#define ADD(b, text) blob_add(b, text, sizeof(text) - 1)

/* ---- HDF5 */

/* The root group: header at 96, tree at 160, heap at 704 with its letters at 736. What a test adds
 * begins at 768. */
enum { HEADER_AT = 96, TREE_AT = 160, HEAP_AT = 704, LETTERS_AT = 736, REST_AT = 768 };
enum { ENTRY_BYTES = 40, LEAF_HEAD = 8 };
/* offsets into the letters */
enum { LAYERS = 1, VARS = 8, ZERO = 13 };
static const char letters[] = "\0layers\0vars\0"
                              "0";

static void put(blob *b, size_t at, int n, uint64_t value)
{
    for (int i = 0; i < n; i++)
        b->bytes[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

/* An object header of n_bytes of messages; the first one's place is 16 bytes on. */
static void put_header(blob *b, size_t at, int n_messages, size_t n_bytes)
{
    put(b, at, 2, 1);
    put(b, at + 2, 2, (uint64_t)n_messages);
    put(b, at + 4, 4, 1);
    put(b, at + 8, 4, n_bytes);
}

static void put_group(blob *b, size_t at, uint64_t tree)
{
    put_header(b, at, 1, 24);
    put(b, at + 16, 4, 0x11 | 16 << 16);
    put(b, at + 24, 8, tree);
    put(b, at + 32, 8, HEAP_AT);
}

/* n children, which are all the same leaf. */
static void put_tree(blob *b, size_t at, size_t n, uint64_t leaf)
{
    memcpy(b->bytes + at, "TREE", 4);
    put(b, at + 6, 2, n);
    for (size_t i = 0; i < n; i++)
        put(b, at + 32 + 16 * i, 8, leaf);
}

/* n entries, which are all the same. */
static void put_leaf(blob *b, size_t at, size_t n, uint64_t name, uint64_t header)
{
    memcpy(b->bytes + at, "SNOD\1", 5);
    put(b, at + 6, 2, n);
    for (size_t i = 0; i < n; i++) {
        put(b, at + LEAF_HEAD + ENTRY_BYTES * i, 8, name);
        put(b, at + LEAF_HEAD + ENTRY_BYTES * i + 8, 8, header);
    }
}

/* A dataset of n numbers, none or one, which lie at byte 0. */
static void put_dataset(blob *b, size_t at, uint64_t n)
{
    static const uint8_t f32[20] = {0x11, 0x20, 31, 0, 4, 0,  0,   0, 0, 0,
                                    32,   0,    23, 8, 0, 23, 127, 0, 0, 0};

    put_header(b, at, 3, 24 + 32 + 32);
    put(b, at + 16, 4, 0x01 | 16 << 16);
    put(b, at + 24, 2, 0x0101);
    put(b, at + 32, 8, n);
    put(b, at + 40, 4, 0x03 | 24 << 16);
    memcpy(b->bytes + at + 48, f32, sizeof f32);
    put(b, at + 72, 4, 0x08 | 24 << 16);
    put(b, at + 80, 2, 0x0103);
    put(b, at + 90, 8, 4 * n);
}

/* A file of n bytes with an empty root group. */
static blob make_h5(size_t n)
{
    blob b = {0};

    add_times(&b, "", 1, n);
    memcpy(b.bytes, "\x89HDF\r\n\x1a\n", 8);
    put(&b, 13, 2, 0x0808);
    put(&b, 40, 8, n);
    put(&b, 64, 8, HEADER_AT);
    put_group(&b, HEADER_AT, TREE_AT);
    put_tree(&b, TREE_AT, 0, 0);
    memcpy(b.bytes + HEAP_AT, "HEAP", 4);
    put(&b, HEAP_AT + 8, 8, sizeof letters);
    put(&b, HEAP_AT + 24, 8, LETTERS_AT);
    memcpy(b.bytes + LETTERS_AT, letters, sizeof letters);
    return b;
}

/* A file of n bytes whose group "vars" lists one dataset n_entries * n_leaves times. */
static blob make_vars(size_t n, size_t n_entries, size_t n_leaves, uint64_t n_numbers)
{
    enum { GROUP_AT = REST_AT, DATASET_AT = 1024, ROOT_LEAF_AT = 1536, VARS_TREE_AT = 1792 };
    enum { LEAF_AT = 4096 };
    blob b = make_h5(n);

    put_tree(&b, TREE_AT, 1, ROOT_LEAF_AT);
    put_leaf(&b, ROOT_LEAF_AT, 1, VARS, GROUP_AT);
    put_group(&b, GROUP_AT, VARS_TREE_AT);
    put_tree(&b, VARS_TREE_AT, n_leaves, LEAF_AT);
    put_leaf(&b, LEAF_AT, n_entries, ZERO, DATASET_AT);
    put_dataset(&b, DATASET_AT, n_numbers);
    return b;
}

/* 60,000 entries, 32 times. */
static void members_of_a_shared_leaf(void **state)
{
    blob b = make_h5(20 * MEGABYTE);

    (void)state;
    put_tree(&b, TREE_AT, 32, REST_AT);
    put_leaf(&b, REST_AT, 60000, LAYERS, HEADER_AT);
    open_blob(&b, 0, "root group: more names than a file of its size can hold");
}

static void tensors_on_the_same_bytes(void **state)
{
    blob b = make_vars(8192, 2, 1, 1);

    (void)state;
    open_blob(&b, 0, "vars/0 and vars/0 overlap");
    b = make_vars(13 * MEGABYTE, 50000, 4, 1);
    open_blob(&b, 0, "vars/0: more names than a file of its size can hold");
}

static void tensors_without_numbers(void **state)
{
    blob b = make_vars(8192, 2, 1, 0);

    (void)state;
    open_blob(&b, 0, NULL);
    b = make_vars(13 * MEGABYTE, 50000, 4, 0);
    open_blob(&b, 0, "vars/0: more names than a file of its size can hold");
    b = make_vars(100 * MEGABYTE, 50000, 4, 0);
    open_blob(&b, 0, "vars/0: more names than a file of its size can hold");
}

/* layer_names0 to layer_names19 of 4,000 names each, which are one string of 1,000 letters. */
static void names_that_share_a_string(void **state)
{
    enum { N = 4000, PARTS = 20, BODY = 8 + 16 + 8 + 16, MESSAGE = 8 + BODY + 16 * N };
    enum { GCOL_AT = REST_AT, ROOT_AT = 2048 };
    blob b = make_h5(20 * MEGABYTE);

    (void)state;
    memcpy(b.bytes + GCOL_AT, "GCOL\1", 5);
    put(&b, GCOL_AT + 8, 8, 16 + 16 + 1000);
    put(&b, GCOL_AT + 16, 2, 1);
    put(&b, GCOL_AT + 24, 8, 1000);
    memset(b.bytes + GCOL_AT + 32, 'a', 1000);
    put(&b, 64, 8, ROOT_AT);
    put_group(&b, ROOT_AT, TREE_AT);
    put_header(&b, ROOT_AT, 1 + PARTS, 24 + PARTS * MESSAGE);
    for (size_t part = 0; part < PARTS; part++) {
        const size_t body = ROOT_AT + 40 + part * MESSAGE + 8;

        put(&b, body - 8, 4, 0x0c | (uint64_t)(MESSAGE - 8) << 16);
        put(&b, body, 8, 1ULL | (part < 10 ? 13ULL : 14ULL) << 16 | 8ULL << 32 | 16ULL << 48);
        snprintf((char *)b.bytes + body + 8, 16, "layer_names%zu", part);
        put(&b, body + 24, 8, 0x19ULL | 16ULL << 32);
        put(&b, body + 32, 8, 0x0101);
        put(&b, body + 40, 8, N);
        for (size_t i = 0; i < N; i++) {
            put(&b, body + BODY + 16 * i, 4, 1000);
            put(&b, body + BODY + 16 * i + 4, 8, GCOL_AT);
            put(&b, body + BODY + 16 * i + 12, 4, 1);
        }
    }
    open_blob(&b, 0, "root group: more names than a file of its size can hold");
}

/* ---- zip */

/* What is deflated a thousand times over is believed; what is made of it is bounded. */
static void a_large_tree_in_a_small_keras_file(void **state)
{
    zip_maker z = {.method = 8};
    blob member = make_vars(8192, 1, 1, 1);

    (void)state;
    zip_add(&z, "model.weights.h5", &member);
    blob_free(&member);
    ADD(&member, "[");
    add_times(&member, "[],", 3, MEGABYTE);
    ADD(&member, "0]");
    zip_add(&z, "config.json", &member);
    zip_end(&z);
    open_blob(&z.file, 8192 + member.n,
              ":config.json: reading it may take 226492576 bytes, at most 12582912 are used");
    blob_free(&member);
}

static void names_in_a_deflated_keras_file(void **state)
{
    zip_maker z = {.method = 8};
    blob member = make_vars(40 * MEGABYTE, 50000, 4, 0);

    (void)state;
    zip_add(&z, "model.weights.h5", &member);
    zip_end(&z);
    open_blob(&z.file, member.n,
              ":model.weights.h5: vars/0: more names than a file of its size can hold");
    blob_free(&member);
}

/* The end records of a zip of more members than 16 bits count. */
static void zip64_end(zip_maker *z)
{
    const size_t offset = z->file.n, place = offset + z->directory.n;

    blob_add(&z->file, z->directory.bytes, z->directory.n);
    blob_le(&z->file, 0x06064b50, 4);
    blob_le(&z->file, 44, 8);
    blob_le(&z->file, 45 | 45 << 16, 4);
    blob_le(&z->file, 0, 8);
    blob_le(&z->file, (uint64_t)z->n, 8);
    blob_le(&z->file, (uint64_t)z->n, 8);
    blob_le(&z->file, z->directory.n, 8);
    blob_le(&z->file, offset, 8);
    blob_le(&z->file, 0x07064b50, 4);
    blob_le(&z->file, 0, 4);
    blob_le(&z->file, place, 8);
    blob_le(&z->file, 1, 4);
    blob_le(&z->file, 0x06054b50, 4);
    blob_le(&z->file, 0, 4);
    blob_le(&z->file, 0xffffffff, 4);
    blob_le(&z->file, z->directory.n, 4);
    blob_le(&z->file, 0xffffffff, 4);
    blob_le(&z->file, 0, 2);
    blob_free(&z->directory);
}

static void a_zip_of_very_many_members(void **state)
{
    enum { N = 65537 };
    static const uint8_t local[30] = {'P', 'K', 3, 4, 20, 0}, entry[46] = {'P', 'K', 1, 2};
    zip_maker z = {.n = N};
    blob b = {0};

    (void)state;
    add_times(&b, local, sizeof local, 1);
    add_times(&z.directory, entry, sizeof entry, N);
    z.file = b;
    zip64_end(&z);
    open_blob(&z.file, 0, "a zip of 65537 members, at most 65536 are read");
}

/* ---- PyTorch */

#define P "\x80\x02"
#define HEAD                                                               \
    P "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." P "M\xe9\x03." P \
      "}U\x0dlittle_endian\x88s."
#define VIEW                                                                   \
    "ctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\nU\1" \
    "0U\3"                                                                     \
    "cpuK\1tQK\0K\1\x85K\1\x85\x89"                                            \
    "ccollections\nOrderedDict\n)RtR"
#define TAIL \
    P "]U\1" \
      "0a.\1\0\0\0\0\0\0\0\0\0\0\0"

static void values_of_a_byte(void **state)
{
    blob b = {0};

    (void)state;
    ADD(&b, HEAD P "(");
    add_times(&b, "N", 1, 500000);
    ADD(&b, "t.");
    open_blob(&b, 0, "torch pickle at byte 39002: more values than a file of its size may have");
}

/* A string of a megabyte, which is put into the memo. */
static void add_long_text(blob *b)
{
    ADD(b, "X");
    blob_le(b, MEGABYTE, 4);
    add_times(b, "\x01", 1, MEGABYTE);
    ADD(b, "q\1");
}

static void tensors_that_share_a_name(void **state)
{
    blob b = {0};

    (void)state;
    ADD(&b, HEAD P "}(");
    add_long_text(&b);
    ADD(&b, VIEW "q\2");
    add_times(&b, "h\1h\2", 4, 1000);
    ADD(&b, "u." TAIL);
    open_blob(&b, 0, "more names than a file of its size may have");
}

static void classes_that_share_a_name(void **state)
{
    blob b = {0};

    (void)state;
    ADD(&b, HEAD P "}(U\1a" VIEW "U\7classes](");
    add_long_text(&b);
    add_times(&b, "h\1", 2, 1000);
    ADD(&b, "eu." TAIL);
    open_blob(&b, 0, "more names than a file of its size may have");
}

/* ---- ONNX */

#define ONNX_HEAD "\x08\x07\x12\x07topwork"

static void add_length(blob *b, size_t n)
{
    for (; n >= 128; n >>= 7)
        blob_le(b, (n & 127) | 128, 1);
    blob_le(b, n, 1);
}

/* A file with an empty graph and metadata `key`, of 6 letters: a bracket, n times `piece`, and the
 * bracket's end. */
static blob make_onnx(const char *key, const char *piece, size_t n)
{
    const size_t n_value = n * strlen(piece) + 3;
    blob b = {0};

    ADD(&b, ONNX_HEAD "\x3a");
    add_length(&b, 0);
    ADD(&b, "\x72");
    add_length(&b, 2 + 6 + 1 + 3 + n_value);
    ADD(&b, "\x0a\x06");
    blob_add(&b, key, 6);
    ADD(&b, "\x12");
    add_length(&b, n_value);
    ADD(&b, "[");
    add_times(&b, piece, strlen(piece), n);
    ADD(&b, "0]");
    return b;
}

static void metadata_of_control_characters(void **state)
{
    blob b = make_onnx("layers", "\x01", MEGABYTE - 64);

    (void)state;
    open_blob(&b, 0, NULL);
}

static void a_large_tree_in_a_stated_layout(void **state)
{
    blob b = make_onnx("layout", "[],", 300000);

    (void)state;
    open_blob(&b, 0, "reading it may take 64800160 bytes, at most 12582912 are used");
}

static void initializers_without_numbers(void **state)
{
    /* dims 0, type float, name "a", no raw_data */
    static const char one[] = "\x2a\x09\x08\x00\x10\x01\x42\x01"
                              "a\x4a\x00";
    enum { N = 16385 };
    blob b = {0};

    (void)state;
    ADD(&b, ONNX_HEAD "\x3a");
    add_length(&b, N * (sizeof one - 1));
    add_times(&b, one, sizeof one - 1, N);
    open_blob(&b, 0, "more than 16384 initializers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_shared_leaf),
        cmocka_unit_test(tensors_on_the_same_bytes),
        cmocka_unit_test(tensors_without_numbers),
        cmocka_unit_test(names_that_share_a_string),
        cmocka_unit_test(a_large_tree_in_a_small_keras_file),
        cmocka_unit_test(names_in_a_deflated_keras_file),
        cmocka_unit_test(a_zip_of_very_many_members),
        cmocka_unit_test(values_of_a_byte),
        cmocka_unit_test(tensors_that_share_a_name),
        cmocka_unit_test(classes_that_share_a_name),
        cmocka_unit_test(metadata_of_control_characters),
        cmocka_unit_test(a_large_tree_in_a_stated_layout),
        cmocka_unit_test(initializers_without_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
