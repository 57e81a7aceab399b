/*
 * Files that are too large for a corpus: many of whatever there can be many of, made here, and held
 * to the rule of the fuzz targets. What the parsers say is compared too.
 */
#include "fuzz.h"

#include "check.h"
#include "make_files.h"

#include "format/weights.h"

enum { MEGABYTE = 1 << 20 };

/* Opens n bytes, which are freed; none, or the sentence after "f: ", is wanted. */
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

/* Superblock, and a root group that is left to be filled in: header at 96, tree at 160, heap at
 * 704, its letters at 736, and from 768 on what is added. */
enum { HEADER_AT = 96, TREE_AT = 160, HEAP_AT = 704, LETTERS_AT = 736, REST_AT = 768 };

static void put(blob *b, size_t at, int n, uint64_t value)
{
    for (int i = 0; i < n; i++)
        b->bytes[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

/* A group's header: its symbol table. */
static void put_group(blob *b, size_t at, uint64_t tree, uint64_t heap)
{
    put(b, at, 2, 1);      /* version */
    put(b, at + 2, 2, 1);  /* messages */
    put(b, at + 4, 4, 1);  /* links */
    put(b, at + 8, 4, 24); /* bytes of messages */
    put(b, at + 16, 4, 0x11 | 16 << 16);
    put(b, at + 24, 8, tree);
    put(b, at + 32, 8, heap);
}

static void put_tree(blob *b, size_t at, int level, uint64_t n)
{
    memcpy(b->bytes + at, "TREE", 4);
    put(b, at + 5, 1, (uint64_t)level);
    put(b, at + 6, 2, n);
}

/* Of n_letters letters, which are put at LETTERS_AT. */
static void put_heap(blob *b, const char *letters, size_t n_letters)
{
    memcpy(b->bytes + HEAP_AT, "HEAP", 4);
    put(b, HEAP_AT + 8, 8, n_letters);
    put(b, HEAP_AT + 24, 8, LETTERS_AT);
    memcpy(b->bytes + LETTERS_AT, letters, n_letters);
}

/* The root group, whose one leaf at REST_AT has n entries of `name` (an offset into the letters)
 * and `header`; `more` bytes of zeros follow. */
static blob make_h5(size_t n, uint64_t name, uint64_t header, size_t more)
{
    blob b = {0};

    add_times(&b, "", 1, REST_AT + 8 + 40 * n + more);
    memcpy(b.bytes, "\x89HDF\r\n\x1a\n", 8);
    put(&b, 13, 2, 0x0808);
    put(&b, 40, 8, b.n);
    put(&b, 64, 8, HEADER_AT);
    put_group(&b, HEADER_AT, TREE_AT, HEAP_AT);
    put_tree(&b, TREE_AT, 0, 1);
    put(&b, TREE_AT + 32, 8, REST_AT);
    put_heap(&b, "\0layers\0vars\0" "0\0", 15);
    memcpy(b.bytes + REST_AT, "SNOD\1", 5);
    put(&b, REST_AT + 6, 2, n);
    for (size_t i = 0; i < n; i++) {
        put(&b, REST_AT + 8 + 40 * i, 8, name);
        put(&b, REST_AT + 16 + 40 * i, 8, header);
    }
    return b;
}
