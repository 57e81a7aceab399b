/* What is around the pickles of a torch file, made wrong in every way, in both forms; and golden
 * files cut at every byte and with every bit flipped. */
#include "base/file.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

#define P "\x80\x02"
#define ODICT "ccollections\nOrderedDict\n"
#define PID(key, numel)                           \
    "(U\7storagectorch\nFloatStorage\n" key "U\3" \
    "cpu" numel "tQ"
/* a tensor of that storage, sizes and strides */
#define VIEW(key, numel, offset, sizes, strides)                                                   \
    "ctorch._utils\n_rebuild_tensor_v2\n(" PID(key, numel) offset sizes strides "\x89" ODICT ")Rt" \
                                                                                "R"
#define KEY \
    "U\1"   \
    "0"
#define ONE VIEW(KEY, "K\4", "K\0", "K\4\x85", "K\1\x85")
#define OBJECT P "}U\1a" ONE "s."
#define KEYS P "]" KEY "a."
#define COUNT "\4\0\0\0\0\0\0\0"
#define NUMBERS "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40"
#define MAGIC P "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define PROTOCOL P "M\xe9\x03."
#define SYSTEM P "}U\x0dlittle_endian\x88s."
#define HEAD MAGIC PROTOCOL SYSTEM
#define HUGE_NUMEL "\x8a\x08\0\0\0\0\0\0\0\x40"

/* ---- the legacy form */

typedef struct legacy_row {
    const char *bytes;
    size_t n;
    const char *sentence; /* after "f: "; NULL: it opens */
} legacy_row;
#define ROW(bytes, sentence)               \
    {                                      \
        bytes, sizeof(bytes) - 1, sentence \
    }

#define NO_TENSORS                                                                     \
    "no tensors, neither in the whole nor under state_dict, model_state_dict, model, " \
    "state_dict_ema or model_ema"

static const legacy_row legacy[] = {
    ROW(HEAD OBJECT KEYS COUNT NUMBERS, NULL),
    /* the five pickles */
    ROW(MAGIC, "torch pickle at byte 0: ends without STOP"),
    ROW(MAGIC P "M\xea\x03.", "its second pickle is not the protocol 1001 of torch"),
    ROW(MAGIC P "U\4"
                "1001.",
        "its second pickle is not the protocol 1001 of torch"),
    ROW(MAGIC PROTOCOL P "].", "its third pickle does not say little_endian"),
    ROW(MAGIC PROTOCOL P "}.", "its third pickle does not say little_endian"),
    ROW(MAGIC PROTOCOL P "}U\x0dlittle_endianK\1s.", "its third pickle does not say little_endian"),
    ROW(MAGIC PROTOCOL P "}U\x0dlittle_endian\x89s.", "big-endian numbers are not read"),
    ROW(HEAD, "torch pickle at byte 0: ends without STOP"),
    ROW(HEAD P "cos\nsystem\n.", "torch file wants os.system: refused"),
    ROW(HEAD OBJECT, "torch pickle at byte 0: ends without STOP"),
    ROW(HEAD OBJECT P "}.", "its fifth pickle is a dict, not the list of storages"),
    ROW(HEAD OBJECT P "cos\nsystem\n.", "torch file wants os.system: refused"),
    /* what the object is */
    ROW(HEAD P "].", "torch pickle at byte 0: ends without STOP"),
    ROW(HEAD P "]." P "].", "holds a list, not a state dict"),
    ROW(HEAD P "U\1a." P "].", "holds a string, not a state dict"),
    ROW(HEAD P "}." P "].", NO_TENSORS),
    ROW(HEAD P "}U\5modelK\1s." P "].", NO_TENSORS),
    ROW(HEAD P "}U\5other}U\1a" ONE "ss." KEYS COUNT NUMBERS, NO_TENSORS),
    ROW(HEAD P "}U\5model}U\1a" ONE "ss." KEYS COUNT NUMBERS, NULL),
    ROW(HEAD P "}U\5model]" ONE "as." KEYS COUNT NUMBERS, NO_TENSORS),
    ROW(HEAD P "}K\1" ONE "s." KEYS COUNT NUMBERS, "the name of a tensor is an int"),
    ROW(HEAD P "}N" ONE "s." KEYS COUNT NUMBERS, "the name of a tensor is None"),
    ROW(HEAD P "}(U\1a" ONE "U\1a" ONE "u." KEYS COUNT NUMBERS, "a is there twice"),
    ROW(HEAD P "}(U\1a" ONE "U\10module.a" ONE "u." KEYS COUNT NUMBERS, "a is there twice"),
    /* class names that are none are passed over */
    ROW(HEAD P "}(U\1a" ONE "U\7classes]K\1au." KEYS COUNT NUMBERS, NULL),
    ROW(HEAD P "}(U\1a" ONE "U\x0c"
               "class_to_idx}(U\1xK\0U\1yK\0uu." KEYS COUNT NUMBERS,
        NULL),
    ROW(HEAD P "}(U\1a" ONE "U\x0c"
               "class_to_idx}U\1xK\7su." KEYS COUNT NUMBERS,
        NULL),
    /* keys of storages */
    ROW(HEAD OBJECT P "]K\0a.", "the key of a storage is an int"),
    ROW(HEAD OBJECT P "]U\1"
                      "9a.",
        "storage 9 belongs to no tensor"),
    ROW(HEAD OBJECT P "].", "storage 0 is not in its list of storages"),
    ROW(HEAD OBJECT P "](" KEY KEY "e." COUNT NUMBERS COUNT NUMBERS, "storage 0 is there twice"),
    ROW(HEAD P "}(U\1a" ONE "U\1b" VIEW(KEY, "K\2", "K\0", "K\2\x85", "K\1\x85") "u." KEYS,
        "storage 0 is 4 numbers of F32 in one place, 2 of F32 in another"),
    /* numbers */
    ROW(HEAD OBJECT KEYS, "ends before storage 0"),
    ROW(HEAD OBJECT KEYS "\4\0\0\0\0\0\0", "ends before storage 0"),
    ROW(HEAD OBJECT KEYS "\5\0\0\0\0\0\0\0" NUMBERS, "storage 0: 5 numbers, its tensors say 4"),
    ROW(HEAD OBJECT KEYS "\xff\xff\xff\xff\xff\xff\xff\xff" NUMBERS,
        "storage 0: 18446744073709551615 numbers, its tensors say 4"),
    ROW(HEAD OBJECT KEYS COUNT "123456789012", "storage 0: 4 numbers of F32, 12 bytes are left"),
    ROW(HEAD OBJECT KEYS COUNT NUMBERS "123", "3 bytes after the last storage"),
    ROW(HEAD P "}U\1a" VIEW(KEY, HUGE_NUMEL, "K\0", "K\4\x85",
                            "K\1\x85") "s." KEYS "\0\0\0\0\0\0\0\x40" NUMBERS,
        "storage 0: 4611686018427387904 numbers of F32, 16 bytes are left"),
    /* a few numbers that say they are many */
    ROW(HEAD P
        "}U\1a" VIEW(KEY, "K\4", "K\0", "J\0\0\0\x40\x85", "K\0\x85") "s." KEYS COUNT NUMBERS,
        "a: 1073741824 numbers share a storage of 4"),
    ROW(HEAD P "}U\1a" VIEW(KEY, "K\4", "K\0", "K\2K\3\x86", "K\1K\1\x86") "s." KEYS COUNT NUMBERS,
        "a: 6 numbers share a storage of 4"),
    ROW(HEAD P "}U\1a" VIEW(KEY, "K\4", "K\0", "K\2K\2\x86", "K\1K\2\x86") "s." KEYS COUNT NUMBERS,
        NULL),
};

static tw_status open_bytes(const void *bytes, size_t n, tw_error *err)
{
    uint8_t *copy = malloc(n ? n : 1); /* exactly as long, so that reading past the end shows */
    tw_weight_file file;
    tw_status rc;

    memcpy(copy, bytes, n);
    if (!(rc = tw_weight_file_borrow(&file, copy, n, "f", err)))
        tw_weight_file_close(&file);
    free(copy);
    return rc;
}

static void expect(const char *what, size_t i, tw_status rc, const tw_error *err,
                   const char *sentence)
{
    char expected[700] = "";

    if (sentence)
        snprintf(expected, sizeof expected, "f%s%s", sentence[0] == ':' ? "" : ": ", sentence);
    if (strcmp(err->text, expected) != 0)
        fail_msg("%s %zu: \"%s\", not \"%s\"", what, i, err->text, expected);
    assert_int_equal(rc, sentence ? TW_EFILE : TW_OK);
}

static void the_legacy_form_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof legacy / sizeof legacy[0]; i++) {
        tw_error err = {TW_OK, ""};
        tw_status rc = open_bytes(legacy[i].bytes, legacy[i].n, &err);

        expect("row", i, rc, &err, legacy[i].sentence);
    }
}

/* Views of every second of 64 numbers, from ever other places: each is copied, and all together
 * would be more than the file. */
static void copies_are_no_more_than_the_file(void **state)
{
    static const char begin[] = HEAD P "}(", end[] = "u." KEYS "\x40\0\0\0\0\0\0\0";
    static const char view[] = "ctorch._utils\n_rebuild_tensor_v2\nq\1(" PID(
        KEY, "K\x40") "q\2K\0K\x10\x85q\3K\2\x85q\4\x89" ODICT ")Rq\5tR";
    static const char again[] = "h\1(h\2K\0h\3h\4\x89h\5tR";
    const float numbers[64] = {0};
    tw_error err = {TW_OK, ""};
    tw_status rc;
    blob b = {0};
    char name[8];

    (void)state;
    blob_add(&b, begin, sizeof begin - 1);
    for (uint8_t i = 0; i < 32; i++) {
        snprintf(name, sizeof name, "U\3%03d", i);
        blob_add(&b, name, 5);
        blob_add(&b, i ? again : view, i ? sizeof again - 1 : sizeof view - 1);
        if (i > 0)
            b.bytes[b.n - (sizeof again - 1) + 6] = i; /* the offset */
    }
    blob_add(&b, end, sizeof end - 1);
    blob_add(&b, numbers, sizeof numbers);
    rc = open_bytes(b.bytes, b.n, &err);
    expect("views", 0, rc, &err,
           "017: too many tensors that are not in row-major order, 17 so far");
    blob_free(&b);
}

/* The mark of a tar lies where a tar has it. */
static void a_tar_is_refused_by_name(void **state)
{
    char bytes[512] = "./";
    tw_error err = {TW_OK, ""};
    tw_status rc;

    (void)state;
    memcpy(bytes + 257, "ustar", 5);
    rc = open_bytes(bytes, sizeof bytes, &err);
    expect("tar", 0, rc, &err,
           "a tar, as torch.save wrote before 2017: not read; save it anew with a later torch");
}

/* ---- the zip form */

enum { CUT_END = 1, BAD_CRC = 2, BAD_LOCAL = 4, NUMPY = 8, LATER = 16 };

typedef struct zip_row {
    const char *object;
    size_t n_object;
    const char *object_name, *storage_name;
    size_t n_numbers;             /* bytes of the storage */
    const char *more_name, *more; /* one more member */
    unsigned method, flags, disk, damage;
    int64_t n_bytes_is;
    const char *sentence;
} zip_row;
#define GOOD                                                                       \
    .object = OBJECT, .n_object = sizeof(OBJECT) - 1, .object_name = "x/data.pkl", \
    .storage_name = "x/data/0", .n_numbers = 16
#define WITH(bytes)                                                              \
    .object = bytes, .n_object = sizeof(bytes) - 1, .object_name = "x/data.pkl", \
    .storage_name = "x/data/0", .n_numbers = 16

static const zip_row zips[] = {
    {GOOD},
    {GOOD, .damage = NUMPY},
    {GOOD, .damage = LATER},
    {GOOD, .more_name = "x/byteorder", .more = "little"},
    {GOOD, .more_name = "x/version", .more = "3\n"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "a/b/data.pkl",
     .storage_name = "a/b/data/0",
     .n_numbers = 16},
    /* members */
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/other",
     .storage_name = "x/data/0",
     .sentence = "a zip without model.weights.h5, data.pkl or arrays, it has x/other, x/data/0"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "data.pkl",
     .storage_name = "data/0",
     .sentence = "a zip without model.weights.h5, data.pkl or arrays, it has data.pkl, data/0"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "/data.pkl",
     .storage_name = "/data/0",
     .sentence = "a zip without data.pkl: no torch file"},
    {GOOD, .more_name = "y/data.pkl", .more = "", .sentence = "holds more than one data.pkl"},
    {GOOD, .more_name = "x/data/0", .more = "", .sentence = "holds x/data/0 twice"},
    {GOOD, .more_name = "x/data.pkl", .more = "", .sentence = "holds x/data.pkl twice"},
    {GOOD, .more_name = "x/byteorder", .more = "big", .sentence = "its byte order is not little"},
    {GOOD, .more_name = "x/byteorder", .more = "", .sentence = "its byte order is not little"},
    {GOOD, .more_name = "x/byteorder", .more = "little\n",
     .sentence = "its byte order is not little"},
    {GOOD, .more_name = "x/constants.pkl", .more = "",
     .sentence = "a TorchScript program; save the state_dict() of its module instead"},
    {GOOD, .method = 8, .sentence = ":x/data.pkl: compressed, torch files are not"},
    {GOOD, .method = 12,
     .sentence = ":x/data.pkl: compression method 12, only stored (0) and deflated (8) are read"},
    {GOOD, .flags = 1, .sentence = ":x/data.pkl: encrypted"},
    {GOOD, .disk = 1, .sentence = ":x/data.pkl: on disk 1 of a zip of several disks"},
    {GOOD, .damage = BAD_CRC, .sentence = ":x/data.pkl: wrong checksum"},
    {GOOD, .damage = BAD_LOCAL,
     .sentence = ":x/data.pkl: header at byte 0 and zip directory differ"},
    {GOOD, .n_bytes_is = 100000,
     .sentence = ":x/data.pkl: says 100000 bytes, its 122 in the file cannot hold that"},
    {GOOD, .damage = CUT_END,
     .sentence = "no end record of a zip in its last 347 bytes: truncated or no zip"},
    /* storages */
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/data.pkl",
     .storage_name = "x/data/1",
     .n_numbers = 16,
     .sentence = "storage 0 is not in the file"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/data.pkl",
     .storage_name = "y/data/0",
     .n_numbers = 16,
     .sentence = "storage 0 is not in the file"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/data.pkl",
     .storage_name = "x/data/00",
     .n_numbers = 16,
     .sentence = "storage 0 is not in the file"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/data.pkl",
     .storage_name = "x/data/0",
     .n_numbers = 12,
     .sentence = "storage 0: 4 numbers of F32 in 12 bytes"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/data.pkl",
     .storage_name = "x/data/0",
     .n_numbers = 20,
     .sentence = "storage 0: 4 numbers of F32 in 20 bytes"},
    {.object = OBJECT,
     .n_object = sizeof(OBJECT) - 1,
     .object_name = "x/data.pkl",
     .storage_name = "x/data/0",
     .n_numbers = 0,
     .sentence = "storage 0: 4 numbers of F32 in 0 bytes"},
    {WITH(P "}U\1a" VIEW("U\x10../../etc/passwd", "K\4", "K\0", "K\4\x85", "K\1\x85") "s."),
     .sentence = "storage ../../etc/passwd is not in the file"},
    {WITH(P "}U\1a" VIEW(KEY, HUGE_NUMEL, "K\0", "K\4\x85", "K\1\x85") "s."),
     .sentence = "storage 0: 4611686018427387904 numbers of F32 in 16 bytes"},
    {WITH(P "}(U\1a" ONE "U\1b" VIEW(KEY, "K\2", "K\0", "K\2\x85", "K\1\x85") "u."),
     .sentence = "storage 0 is 4 numbers of F32 in one place, 2 of F32 in another"},
    {WITH(P "}U\1a" VIEW(KEY, "K\4", "K\0", "J\0\0\0\x40\x85", "K\0\x85") "s."),
     .sentence = "a: 1073741824 numbers share a storage of 4"},
    /* the object */
    {WITH(""), .sentence = "torch pickle at byte 0: ends without STOP"},
    {WITH(P "}U\1a" ONE "s"), .sentence = "torch pickle at byte 121: ends without STOP"},
    {WITH(OBJECT "."), .sentence = ":x/data.pkl: 1 bytes after its end"},
    {WITH(OBJECT OBJECT), .sentence = ":x/data.pkl: 122 bytes after its end"},
    {WITH(P "cos\nsystem\nU\2ls\x85R."), .sentence = "torch file wants os.system: refused"},
    {WITH(P "c__main__\nNet\n)\x81."), .sentence = "torch file wants __main__.Net: refused"},
    {WITH(P "ctorchvision.models.vgg\nVGG\n)\x81."),
     .sentence = "torch file wants torchvision.models.vgg.VGG: refused"},
    {WITH("\x80\4}."), .sentence = "torch pickle at byte 0: protocol 4, only 2 is read"},
    {WITH(P ONE "."), .sentence = "holds a tensor, not a state dict"},
    {WITH(P "}."), .sentence = NO_TENSORS},
};

static void make_zip(blob *out, const zip_row *row)
{
    zip_maker z = {.method = row->method,
                   .flags = row->flags,
                   .disk = row->disk,
                   .numpy = (row->damage & NUMPY) != 0,
                   .sizes_later = (row->damage & LATER) != 0,
                   .n_bytes_is = row->n_bytes_is};
    uint8_t zeros[64] = NUMBERS;
    blob member = {0};

    blob_add(&member, row->object, row->n_object);
    zip_add(&z, row->object_name, &member);
    blob_free(&member);
    z.n_bytes_is = 0;
    blob_add(&member, zeros, row->n_numbers);
    zip_add(&z, row->storage_name, &member);
    blob_free(&member);
    if (row->more_name) {
        blob_add(&member, row->more, strlen(row->more));
        zip_add(&z, row->more_name, &member);
        blob_free(&member);
    }
    if (row->damage & BAD_CRC) /* of the first member: in its local header and in the directory */
        z.file.bytes[14] ^= 1, z.directory.bytes[16] ^= 1;
    if (row->damage & BAD_LOCAL)
        z.file.bytes[30] ^= 1;
    zip_end(&z);
    if (row->damage & CUT_END)
        z.file.n -= 1;
    *out = z.file;
}

static void the_zip_form_is_checked(void **state)
{
    char here[4096];

    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(*state), 0);
    for (size_t i = 0; i < sizeof zips / sizeof zips[0]; i++) {
        tw_error err = {TW_OK, ""};
        tw_weight_file file;
        tw_status rc;
        blob b;

        make_zip(&b, &zips[i]);
        write_bytes("f", b.bytes, b.n);
        rc = tw_weight_file_open(&file, "f", &err);
        expect("zip", i, rc, &err, zips[i].sentence);
        if (rc == TW_OK) {
            assert_int_equal(file.n_tensors, 1);
            assert_memory_equal(file.tensors[0].tensor.data, NUMBERS, 16);
            tw_weight_file_close(&file);
        }
        blob_free(&b);
    }
    assert_int_equal(chdir(here), 0);
}

/* ---- any damage */

/* Reads every number, so that one out of reach shows. */
static unsigned add_up(const tw_weight_file *file)
{
    unsigned sum = 0;

    for (int i = 0; i < file->n_tensors; i++) {
        const tw_tensor *tensor = &file->tensors[i].tensor;
        const size_t n = (size_t)tw_shape_size(&tensor->shape) * tw_dtype_size(tensor->dtype);
        const uint8_t *bytes = tensor->data;

        for (size_t k = 0; k < n; k++)
            sum += bytes[k];
    }
    return sum;
}

/* Every bit flipped, then every beginning of a golden file. */
static void damage(void **state, const char *name)
{
    char path[600], *bytes, *victim = path_in(*state, "victim");
    unsigned sum = 0;
    size_t n;

    snprintf(path, sizeof path, TW_TEST_DATA "/torch/%s", name);
    assert_ok(tw_file_read(&bytes, &n, path, 1 << 20, e));
    for (size_t i = 0; i < 9 * n; i++) {
        const size_t size = i < 8 * n ? n : i - 8 * n;
        tw_error err = {TW_OK, ""};
        tw_weight_file file;
        tw_status rc;

        if (i < 8 * n)
            bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
        unlink(victim);
        write_bytes(victim, bytes, size);
        rc = tw_weight_file_open(&file, victim, &err);
        assert_true(rc == TW_OK ? size == n : rc == TW_EFILE && strlen(err.text) > 0);
        if (rc == TW_OK) {
            sum += add_up(&file);
            tw_weight_file_close(&file);
        }
        if (i < 8 * n)
            bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
    }
    assert_true(sum > 0);
    tw_free(bytes);
    free(victim);
}

static void a_damaged_legacy_file_is_survived(void **state)
{
    damage(state, "wrapped_legacy.pth");
    damage(state, "strided_legacy.pth");
}

static void a_damaged_zip_file_is_survived(void **state)
{
    damage(state, "strided_zip.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_legacy_form_is_checked),
        cmocka_unit_test(copies_are_no_more_than_the_file),
        cmocka_unit_test(a_tar_is_refused_by_name),
        cmocka_unit_test(the_zip_form_is_checked),
        cmocka_unit_test(a_damaged_legacy_file_is_survived),
        cmocka_unit_test(a_damaged_zip_file_is_survived),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
