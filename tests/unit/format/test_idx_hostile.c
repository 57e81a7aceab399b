/*
 * IDX files, plain and in gzip, made by hand to deceive: each class with its exact sentence. Every
 * prefix and every flipped bit of good ones is in test_idx.c.
 */
#include "format/arrays.h"

#include "check.h"
#include "make_files.h"

/* The parts of a good file: magic 0 0 8 3, sizes, numbers; and of the same in gzip. */
#define SIZES "\000\000\000\003\000\000\000\002\000\000\000\002"
#define DATA "\000\001\002\003\004\005\006\007\010\011\372\377"
#define GZIP_TRAILER "\333\223\003h\034\000\000\000"
#define GZIP_BODY "c`\340`f``\000a&0fdbfaec\347\340\374\365\037\000"
#define GZIP_HEAD "\037\213\010\000\000\000\000\000\002\377"

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *what;
    const char *bytes;
    size_t n;
    const char *sentence;
} rows[] = {
    {"a single byte", BYTES("\000"), "1 bytes, too short for an IDX file"},
    {"three bytes of a header", BYTES("\000\000\010"), "3 bytes, too short for an IDX file"},
    {"a header alone", BYTES("\000\000\010\003"), "truncated: 4 bytes, its header alone has 16"},
    {"sizes cut off", BYTES("\000\000\010\003\000\000\000\003\000\000\000\002\000\000\000"),
     "truncated: 15 bytes, its header alone has 16"},
    {"no data", BYTES("\000\000\010\003" SIZES), "truncated: 16 bytes, its header says 28 (3x2x2)"},
    {"one byte missing",
     BYTES("\000\000\010\003" SIZES "\000\001\002\003\004\005\006\007\010\011\372"),
     "truncated: 27 bytes, its header says 28 (3x2x2)"},
    {"one byte more", BYTES("\000\000\010\003" SIZES DATA "\000"),
     "trailing bytes: 29 bytes, its header says 28 (3x2x2)"},
    {"two files in one", BYTES("\000\000\010\003" SIZES DATA "\000\000\010\003" SIZES DATA),
     "trailing bytes: 56 bytes, its header says 28 (3x2x2)"},
    {"first byte", BYTES("\001\000\010\003" SIZES DATA),
     "not an IDX file: begins with 01 00 08 03, expected 00 00 type rank"},
    {"second byte", BYTES("\000\001\010\003" SIZES DATA),
     "not an IDX file: begins with 00 01 08 03, expected 00 00 type rank"},
    {"little-endian magic", BYTES("\003\010\000\000" SIZES DATA),
     "not an IDX file: begins with 03 08 00 00, expected 00 00 type rank"},
    {"type 0", BYTES("\000\000\000\003" SIZES DATA), "unknown IDX number type 0 (magic 3)"},
    {"type 7", BYTES("\000\000\007\003" SIZES DATA), "unknown IDX number type 7 (magic 1795)"},
    {"type 10", BYTES("\000\000\012\003" SIZES DATA), "unknown IDX number type 10 (magic 2563)"},
    {"type 15", BYTES("\000\000\017\003" SIZES DATA), "unknown IDX number type 15 (magic 3843)"},
    {"type 255", BYTES("\000\000\377\003" SIZES DATA), "unknown IDX number type 255 (magic 65283)"},
    {"rank 0", BYTES("\000\000\010\000" SIZES DATA), "IDX rank 0, 1 to 8 are read (magic 2048)"},
    {"rank 9", BYTES("\000\000\010\011" SIZES DATA), "IDX rank 9, 1 to 8 are read (magic 2057)"},
    {"rank 255", BYTES("\000\000\010\377" SIZES DATA),
     "IDX rank 255, 1 to 8 are read (magic 2303)"},
    {"numbers of type 11", BYTES("\000\000\013\003" SIZES DATA),
     "truncated: 28 bytes, its header says 40 (3x2x2)"},
    {"numbers of type 12", BYTES("\000\000\014\003" SIZES DATA),
     "truncated: 28 bytes, its header says 64 (3x2x2)"},
    {"numbers of type 13", BYTES("\000\000\015\003" SIZES DATA),
     "truncated: 28 bytes, its header says 64 (3x2x2)"},
    {"numbers of type 14", BYTES("\000\000\016\003" SIZES DATA),
     "truncated: 28 bytes, its header says 112 (3x2x2)"},
    {"rank 2 of 3", BYTES("\000\000\010\002" SIZES DATA),
     "trailing bytes: 28 bytes, its header says 18 (3x2)"},
    {"rank 4 of 3", BYTES("\000\000\010\004" SIZES DATA),
     "truncated: 28 bytes, its header says 792632 (3x2x2x66051)"},
    {"sizes little-endian",
     BYTES("\000\000\010\003\003\000\000\000\002\000\000\000\002\000\000\000" DATA),
     "50331648x33554432x33554432 numbers are more than any file holds"},
    {"a size of zero",
     BYTES("\000\000\010\003\000\000\000\003\000\000\000\000\000\000\000\002" DATA),
     "trailing bytes: 28 bytes, its header says 16 (3x0x2)"},
    {"no records", BYTES("\000\000\010\003\000\000\000\000\000\000\000\002\000\000\000\002" DATA),
     "trailing bytes: 28 bytes, its header says 16 (0x2x2)"},
    {"one size too large",
     BYTES("\000\000\010\003\377\377\377\377\000\000\000\002\000\000\000\002" DATA),
     "truncated: 28 bytes, its header says 17179869196 (4294967295x2x2)"},
    {"sizes that overflow",
     BYTES("\000\000\010\003\377\377\377\377\377\377\377\377\377\377\377\377" DATA),
     "4294967295x4294967295x4294967295 numbers are more than any file holds"},
    {"overflow times zero",
     BYTES("\000\000\016\003\000\000\000\000\377\377\377\377\377\377\377\377" DATA),
     "0x4294967295x4294967295 numbers are more than any file holds"},
    {"2^32 bytes wrapped", BYTES("\000\000\010\002\000\001\000\000\000\001\000\000" DATA),
     "truncated: 24 bytes, its header says 4294967308 (65536x65536)"},
    {"2^64 bytes wrapped",
     BYTES("\000\000\010\004\000\001\000\000\000\001\000\000\000\001\000\000\000\001\000\000" DATA),
     "65536x65536x65536x65536 numbers are more than any file holds"},
    {"as text", BYTES("0 0 8 3 3 2 2"),
     "not an IDX file: begins with 30 20 30 20, expected 00 00 type rank"},
    {"an .npy", BYTES("\223NUMPY\001\000v\000"),
     "not an IDX file: begins with 93 4e 55 4d, expected 00 00 type rank"},
    {"a zip",
     BYTES("PK\003\004\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
           "\000"),
     "not an IDX file: begins with 50 4b 03 04, expected 00 00 type rank"},
    {"HTML", BYTES("<!DOCTYPE html>"),
     "not an IDX file: begins with 3c 21 44 4f, expected 00 00 type rank"},
    {"a pointer of git lfs", BYTES("version https://git-lfs.github.com/spec/v1\012"),
     "not an IDX file: begins with 76 65 72 73, expected 00 00 type rank"},
    {"gzip: magic alone", BYTES("\037\213\010\000"),
     "truncated: its 4 compressed bytes end too early"},
    {"gzip: header alone", BYTES(GZIP_HEAD), "truncated: its 10 compressed bytes end too early"},
    {"gzip: no trailer", BYTES(GZIP_HEAD GZIP_BODY),
     "truncated: its 34 compressed bytes end too early"},
    {"gzip: half a trailer", BYTES(GZIP_HEAD GZIP_BODY "\333\223\003h"),
     "truncated: its 38 compressed bytes end too early"},
    {"gzip: a byte of the trailer missing", BYTES(GZIP_HEAD GZIP_BODY "\333\223\003h\034\000\000"),
     "truncated: its 41 compressed bytes end too early"},
    {"gzip: half", BYTES(GZIP_HEAD "c`\340`f``\000a&"),
     "truncated: its 20 compressed bytes end too early"},
    {"gzip: method 7", BYTES("\037\213\007\000\000\000\000\000\002\377" GZIP_BODY GZIP_TRAILER),
     "damaged after 4 of 42 compressed bytes: unknown compression method"},
    {"gzip: reserved flags",
     BYTES("\037\213\010\340\000\000\000\000\002\377" GZIP_BODY GZIP_TRAILER),
     "damaged after 4 of 42 compressed bytes: unknown header flags set"},
    {"gzip: wrong header checksum",
     BYTES("\037\213\010\002\000\000\000\000\002\377\000\000" GZIP_BODY GZIP_TRAILER),
     "damaged after 12 of 44 compressed bytes: header crc mismatch"},
    {"gzip: extra field longer than the file",
     BYTES("\037\213\010\004\000\000\000\000\002\377\377\377" GZIP_BODY GZIP_TRAILER),
     "truncated: its 44 compressed bytes end too early"},
    {"gzip: a name without end",
     BYTES("\037\213\010\010\000\000\000\000\002\377nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
     "truncated: its 40 compressed bytes end too early"},
    {"gzip: wrong checksum", BYTES(GZIP_HEAD GZIP_BODY "\332\223\003h\034\000\000\000"),
     "damaged after 38 of 42 compressed bytes: incorrect data check"},
    {"gzip: wrong length", BYTES(GZIP_HEAD GZIP_BODY "\333\223\003h\034\000\000\001"),
     "damaged after 42 of 42 compressed bytes: incorrect length check"},
    {"gzip: a byte after the end", BYTES(GZIP_HEAD GZIP_BODY GZIP_TRAILER "\000"),
     "1 bytes after the end of the compressed data"},
    {"gzip: text after the end", BYTES(GZIP_HEAD GZIP_BODY GZIP_TRAILER "tail"),
     "4 bytes after the end of the compressed data"},
    {"gzip: half a second member", BYTES(GZIP_HEAD GZIP_BODY GZIP_TRAILER GZIP_HEAD),
     "truncated: its 52 compressed bytes end too early"},
    {"gzip: a second member",
     BYTES(GZIP_HEAD GZIP_BODY GZIP_TRAILER GZIP_HEAD GZIP_BODY GZIP_TRAILER),
     "inflates to more than the 12 bytes due"},
    {"gzip: an empty second member then text",
     BYTES(GZIP_HEAD GZIP_BODY GZIP_TRAILER GZIP_HEAD "\003\000\000\000\000\000\000\000\000\000x"),
     "1 bytes after the end of the compressed data"},
    {"gzip: block type 3",
     BYTES(GZIP_HEAD "\007`\340`f``\000a&0fdbfaec\347\340\374\365\037\000" GZIP_TRAILER),
     "damaged after 11 of 42 compressed bytes: invalid block type"},
    {"gzip: stored length differs from its complement",
     BYTES(GZIP_HEAD "\001\005\000\000\000hello" GZIP_TRAILER),
     "damaged after 15 of 28 compressed bytes: invalid stored block lengths"},
    {"gzip: too many lengths", BYTES(GZIP_HEAD "\375\377\377\377" GZIP_TRAILER),
     "damaged after 13 of 22 compressed bytes: too many length or distance symbols"},
    {"gzip: of nothing", BYTES(GZIP_HEAD "\003\000\000\000\000\000\000\000\000\000"),
     "truncated: inflates to less than an IDX header"},
    {"gzip: of three bytes", BYTES(GZIP_HEAD "c`\340\000\000 Q\232\361\003\000\000\000"),
     "truncated: inflates to less than an IDX header"},
    {"gzip: of a header alone", BYTES(GZIP_HEAD "c`\340`\006\000\256\004\224p\004\000\000\000"),
     "truncated: inflates to less than an IDX header"},
    {"gzip: of cut sizes",
     BYTES(GZIP_HEAD "c`\340`f``\000a& \006\000\022\315\310\336\017\000\000\000"),
     "truncated: inflates to less than an IDX header"},
    {"gzip: of cut data",
     BYTES(GZIP_HEAD "c`\340`f``\000a&0fdbfaec\347\340\004\000x\212^\376\032\000\000\000"),
     "truncated: inflates to 10 of the 12 bytes due"},
    {"gzip: of more data",
     BYTES(GZIP_HEAD
           "c`\340`f``\000a&0fdbfaec\347\340\374\365\277\242\022\000\260\236,\204\036\000\000\000"),
     "inflates to more than the 12 bytes due"},
    {"gzip: of text",
     BYTES(GZIP_HEAD "\313H\315\311\311W(\317/\312I\001\000\205\021J\015\013\000\000\000"),
     "not an IDX file: begins with 68 65 6c 6c, expected 00 00 type rank"},
    {"gzip: of a gzip",
     BYTES(GZIP_HEAD
           "\223\357\346`"
           "\000\001\246\377\311\011\017\022\322\022\022\030\022\325\014\322R\222\322\022S\223\237?"
           "\370\363U\236\341\366d\346\014\031\240\012\000\271\003I\033*\000\000\000"),
     "not an IDX file: begins with 1f 8b 08 00, expected 00 00 type rank"},
    {"gzip: of type 10",
     BYTES(GZIP_HEAD "c`\340bf``\000a&0fdbfaec\347\340\374\365\037\000\264\330I}\034\000\000\000"),
     "unknown IDX number type 10 (magic 2563)"},
    {"gzip: of rank 0",
     BYTES(GZIP_HEAD
           "c`\340`\000\002f f\002cF&f\026V6v\016\316_\377\001\210%\356]\034\000\000\000"),
     "IDX rank 0, 1 to 8 are read (magic 2048)"},
    {"gzip: of sizes that overflow",
     BYTES(GZIP_HEAD "c`\340`\376\217\004\030\030\231\230YX\331\33098\177\375\007\000\263\321-"
                     "\030\034\000\000\000"),
     "4294967295x4294967295x4294967295 numbers are more than any file holds"},
    {"gzip: of sizes that it cannot hold",
     BYTES(GZIP_HEAD "c`\340`f`"
                     "x\225\300\300\300\365\001\214\031\231\230YX\331\33098\177\375\007\000\312\000"
                     "oZ\034\000\000\000"),
     "says 470400000016 bytes (60000x2800x2800), its 45 compressed bytes cannot hold that"},
    {"gzip: of a size just too large",
     BYTES(GZIP_HEAD
           "c`\340`f`\024,````\004cF&f\026V6v\016\316_\377\001\342\230,\360\034\000\000\000"),
     "says 70016 bytes (70000x1x1), its 44 compressed bytes cannot hold that"},
};

static tw_status open_bytes(const char *path, const char *bytes, size_t n, tw_error *err)
{
    tw_array_file array;
    tw_status rc;

    write_bytes(path, bytes, n);
    rc = tw_idx_open(&array, path, err);
    tw_array_file_close(&array);
    return rc;
}

static void the_parts_make_good_files(void **state)
{
    char *path = path_in(*state, "x");

    assert_ok(open_bytes(path, BYTES("\000\000\010\003" SIZES DATA), e));
    assert_ok(open_bytes(path, BYTES(GZIP_HEAD GZIP_BODY GZIP_TRAILER), e));
    free(path);
}

static void every_class_has_its_sentence(void **state)
{
    char *path = path_in(*state, "x");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char wanted[400];
        tw_error err = {TW_OK, ""};

        snprintf(wanted, sizeof wanted, "%s: %s", path, rows[i].sentence);
        if (open_bytes(path, rows[i].bytes, rows[i].n, &err) != TW_EFILE ||
            strcmp(err.text, wanted) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", rows[i].what, err.text, wanted);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_make_good_files),
        cmocka_unit_test(every_class_has_its_sentence),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
