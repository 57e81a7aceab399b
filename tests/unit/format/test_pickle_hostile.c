/* Pickles that want what a file of tensors does not: each is refused with its sentence. */
#include "format/pickle.h"

#include "check.h"
#include "make_files.h"

#define P "\x80\x02" /* PROTO 2 */
/* globals, and a storage of four float32 called "0" */
#define ODICT "ccollections\nOrderedDict\n"
#define FLOATS "ctorch\nFloatStorage\n"
#define TENSOR_V2 "ctorch._utils\n_rebuild_tensor_v2\n"
#define PID(numel)             \
    "(U\7storage" FLOATS "U\1" \
    "0U\3"                     \
    "cpu" numel "tQ"
#define FOUR "K\4"
#define NO_HOOKS "\x89" ODICT ")R"

typedef struct row {
    const char *bytes;
    size_t n;
    const char *sentence; /* after "f: ", or after "f: torch pickle at byte " where it begins with a
                             digit; NULL: it is read */
} row;
#define ROW(bytes, sentence)               \
    {                                      \
        bytes, sizeof(bytes) - 1, sentence \
    }

static const row rows[] = {
    /* globals that would run something */
    ROW(P "cos\nsystem\nU\2lstR.", "torch file wants os.system: refused"),
    ROW(P "cposix\nsystem\n.", "torch file wants posix.system: refused"),
    ROW(P "cbuiltins\neval\nU\1x\x85R.", "torch file wants builtins.eval: refused"),
    ROW(P "c__builtin__\ngetattr\n.", "torch file wants __builtin__.getattr: refused"),
    ROW(P "csubprocess\nPopen\n.", "torch file wants subprocess.Popen: refused"),
    ROW(P "ctorch\nload\n.", "torch file wants torch.load: refused"),
    ROW(P "ctorch._utils\n_rebuild_sparse_tensor\n.",
        "torch file wants torch._utils._rebuild_sparse_tensor: refused"),
    ROW(P "ctorch\nComplexFloatStorage\n.", "torch file wants torch.ComplexFloatStorage: refused"),
    ROW(P "ccollections\nOrderedDict.fromkeys\n.",
        "torch file wants collections.OrderedDict.fromkeys: refused"),
    ROW(P "ccollections\n\n.", "2: no name of 1 to 200 letters"),
    ROW(P "cos", "2: no name of 1 to 200 letters"),
    ROW(P "co\x1b[31ms\nsystem\n.", "2: a name with the byte 27"),
    ROW(P "co s\nsystem\n.", "2: a name with the byte 32"),
    /* opcodes of other protocols and of code */
    ROW("\x80\4\x8c\2os\x8c\6system\x93.", "0: protocol 4, only 2 is read"),
    ROW("\x80\5.", "0: protocol 5, only 2 is read"),
    ROW("\x80\0.", "0: protocol 0, only 2 is read"),
    ROW("K\1.", "0: does not begin with a protocol"),
    ROW("", "0: ends without STOP"),
    ROW("\x80", "0: 1 bytes are wanted, 0 are left"),
    ROW(P P "N.", "2: a second protocol"),
    ROW(P "\x8c\2os\x8c\6system\x93.", "2: opcode 0x8c is not read"), /* SHORT_BINUNICODE */
    ROW(P "U\2osU\6system\x93.", "14: opcode 0x93 is not read"),      /* STACK_GLOBAL */
    ROW(P "N\x94.", "3: opcode 0x94 is not read"),                    /* MEMOIZE */
    ROW(P "\x95\1\0\0\0\0\0\0\0N.", "2: opcode 0x95 is not read"),    /* FRAME */
    ROW(P "(ios\nsystem\n.", "3: opcode 0x69 is not read"),           /* INST */
    ROW(P "(" ODICT "o.", "28: opcode 0x6f is not read"),             /* OBJ */
    ROW(P "\x82\1.", "2: opcode 0x82 is not read"),                   /* EXT1 */
    ROW(P "\x83\1\0.", "2: opcode 0x83 is not read"),                 /* EXT2 */
    ROW(P "\x84\1\0\0\0.", "2: opcode 0x84 is not read"),             /* EXT4 */
    ROW(P "NN0.", "4: opcode 0x30 is not read"),                      /* POP */
    ROW(P "N(1.", "4: opcode 0x31 is not read"),                      /* POP_MARK */
    ROW(P "N2.", "3: opcode 0x32 is not read"),                       /* DUP */
    ROW(P "P0\n.", "2: opcode 0x50 is not read"),                     /* PERSID */
    ROW(P "I1\n.", "2: opcode 0x49 is not read"),                     /* INT */
    ROW(P "L1L\n.", "2: opcode 0x4c is not read"),                    /* LONG */
    ROW(P "S'a'\n.", "2: opcode 0x53 is not read"),                   /* STRING */
    ROW(P "Va\n.", "2: opcode 0x56 is not read"),                     /* UNICODE */
    ROW(P "T\1\0\0\0a.", "2: opcode 0x54 is not read"),               /* BINSTRING */
    ROW(P "F1.5\n.", "2: opcode 0x46 is not read"),                   /* FLOAT */
    ROW(P "g0\n.", "2: opcode 0x67 is not read"),                     /* GET */
    ROW(P "Np0\n.", "3: opcode 0x70 is not read"),                    /* PUT */
    ROW(P "(l.", "3: opcode 0x6c is not read"),                       /* LIST */
    ROW(P "(d.", "3: opcode 0x64 is not read"),                       /* DICT */
    ROW(P "\x8b\1\0\0\0\1.", "2: opcode 0x8b is not read"),           /* LONG4 */
    ROW(P "B\1\0\0\0a.", "2: opcode 0x42 is not read"),               /* BINBYTES */
    ROW(P "C\1a.", "2: opcode 0x43 is not read"),                     /* SHORT_BINBYTES */
    ROW(P "\x8d\1\0\0\0\0\0\0\0a.", "2: opcode 0x8d is not read"),    /* BINUNICODE8 */
    ROW(P "\x8e\1\0\0\0\0\0\0\0a.", "2: opcode 0x8e is not read"),    /* BINBYTES8 */
    ROW(P "\x8f.", "2: opcode 0x8f is not read"),                     /* EMPTY_SET */
    ROW(P "\x90.", "2: opcode 0x90 is not read"),                     /* ADDITEMS */
    ROW(P "\x91.", "2: opcode 0x91 is not read"),                     /* FROZENSET */
    ROW(P "\x92.", "2: opcode 0x92 is not read"),                     /* NEWOBJ_EX */
    ROW(P "\x96\1\0\0\0\0\0\0\0a.", "2: opcode 0x96 is not read"),    /* BYTEARRAY8 */
    ROW(P "\x97.", "2: opcode 0x97 is not read"),                     /* NEXT_BUFFER */
    ROW(P "\x98.", "2: opcode 0x98 is not read"),                     /* READONLY_BUFFER */
    ROW(P "\xff.", "2: opcode 0xff is not read"),
    /* the stack */
    ROW(P ".", "2: STOP with 0 values and 0 marks"),
    ROW(P "NN.", "4: STOP with 2 values and 0 marks"),
    ROW(P "N(.", "4: STOP with 1 values and 1 marks"),
    ROW(P "N", "3: ends without STOP"),
    ROW(P "R.", "2: the stack is empty"),
    ROW(P "NR.", "3: the stack is empty"),
    ROW(P "b.", "2: the stack is empty"),
    ROW(P "}b.", "3: the stack is empty"),
    ROW(P "Q.", "2: the stack is empty"),
    ROW(P "q\0.", "2: the stack is empty"),
    ROW(P "N(\x85.", "4: the stack is empty"), /* what lies below a mark is out of reach */
    ROW(P "N\x86.", "3: the stack is empty"),
    ROW(P "]a.", "3: the stack is empty"),
    ROW(P "}K\1s.", "5: the stack is empty"),
    ROW(P "(e.", "3: the stack is empty"),
    ROW(P "(u.", "3: the stack is empty"),
    ROW(P "Nt.", "3: no mark"),
    ROW(P "]Ne.", "4: no mark"),
    ROW(P "}NNu.", "5: no mark"),
    /* memo */
    ROW(P "h\0.", "2: memo 0 was never put"),
    ROW(P "Nq\1h\2.", "5: memo 2 was never put"),
    ROW(P "j\xff\xff\xff\xff.", "2: memo 4294967295 was never put"),
    ROW(P "Nr\xff\xff\xff\xff.", "3: memo 4294967295, at most 1048576 are kept"),
    ROW(P "Nr\0\0\x10\0.", "3: memo 1048576, at most 1048576 are kept"),
    /* lengths */
    ROW(P "X\xff\xff\xff\xff"
          "abc.",
        "2: 4294967295 bytes are wanted, 4 are left"),
    ROW(P "X\1\0", "2: 4 bytes are wanted, 2 are left"),
    ROW(P "U\5abc.", "2: 5 bytes are wanted, 4 are left"),
    ROW(P "\x8a\xff\1.", "2: 255 bytes are wanted, 2 are left"),
    ROW(P "\x8a\x09\0\0\0\0\0\0\0\0\1.", "2: an int of 9 bytes"),
    ROW(P "G\0\0\0.", "2: 8 bytes are wanted, 4 are left"),
    ROW(P "J\0\0.", "2: 4 bytes are wanted, 3 are left"),
    ROW(P "K", "2: 1 bytes are wanted, 0 are left"),
    ROW(P "M\1", "2: 2 bytes are wanted, 1 are left"),
    /* strings */
    ROW(P "U\1\xff.", "2: a string that is no UTF-8 without zero bytes"),
    ROW(P "U\2a\0.", "2: a string that is no UTF-8 without zero bytes"),
    ROW(P "U\2\xc0\xaf.", "2: a string that is no UTF-8 without zero bytes"),
    ROW(P "U\3\xed\xa0\x80.", "2: a string that is no UTF-8 without zero bytes"),
    ROW(P "U\2\xe2\x82.", "2: a string that is no UTF-8 without zero bytes"),
    ROW(P "U\4\xf4\x90\x80\x80.", "2: a string that is no UTF-8 without zero bytes"),
    /* containers */
    ROW(P "]NNs.", "5: items are set on a list"),
    ROW(P ")(NNu.", "6: items are set on a tuple"),
    ROW(P "U\1aNNs.", "7: items are set on a string"),
    ROW(P ODICT "NNs.", "29: items are set on a global"),
    ROW(P "}Na.", "4: items are appended to a dict"),
    ROW(P ")(Ne.", "5: items are appended to a tuple"),
    ROW(P "}(N"
          "u.",
        "5: a key without a value"),
    ROW(P "}]Ns.", "5: a list as a key"),
    ROW(P "})Ns.", "5: a tuple as a key"),
    ROW(P "}}Ns.", "5: a dict as a key"),
    ROW(P "]q\0h\0a.", "7: a list that contains itself"),
    ROW(P "}q\0Nh\0s.", "8: a dict that contains itself"),
    ROW(P "]q\0]q\1h\0ah\0h\1a.", "15: a list changes inside another value"),
    ROW(P "]q\0h\0\x85"
          "ah\0Na.",
        "8: a list changes inside another value"),
    ROW(P "]" FLOATS "a.", "23: a global in a list"),
    ROW(P "]" PID(FOUR) "a.", "45: a storage in a list"),
    ROW(P "]" FLOATS "\x85"
          "a.",
        "24: a tuple in a list"),
    ROW(P FLOATS ".", "22: the whole is a global"),
    ROW(P PID(FOUR) ".", "44: the whole is a storage"),
    ROW(P FLOATS "\x85.", "23: the whole is a tuple"),
    /* calls */
    ROW(P "N)R.", "4: None is called"),
    ROW(P "])R.", "4: a list is called"),
    ROW(P ODICT "NR.", "28: arguments are None"),
    ROW(P ODICT "]R.", "28: arguments are a list"),
    ROW(P ODICT "NN\x86R.", "30: collections.OrderedDict with 2 arguments"),
    ROW(P ODICT "N\x85R.", "29: collections.OrderedDict with 1 arguments"),
    ROW(P ODICT "]Na\x85R.", "31: an ordered dict of None"),
    ROW(P ODICT "])a\x85R.", "31: an ordered dict of a tuple"),
    ROW(P ODICT "]]N\x86"
                "a\x85R.",
        "33: a list as a key"),
    ROW(P FLOATS ")R.", "23: torch.FloatStorage is called"),
    ROW(P FLOATS ")\x81.", "23: an object of torch.FloatStorage"),
    ROW(P TENSOR_V2 ")\x81.", "36: an object of torch._utils._rebuild_tensor_v2"),
    ROW(P TENSOR_V2 ")R.", "36: torch._utils._rebuild_tensor_v2 with 0 arguments"),
    ROW(P "ctorch._utils\n_rebuild_tensor\nNN\x86R.",
        "35: torch._utils._rebuild_tensor with 2 arguments"),
    ROW(P "ctorch._utils\n_rebuild_parameter\n)R.",
        "36: torch._utils._rebuild_parameter with 0 arguments"),
    ROW(P "ctorch._utils\n_rebuild_parameter\nN\x89N\x87R.", "39: a parameter of None"),
    ROW(P "ctorch\nSize\n)R.", "15: torch.Size of no tuple of numbers >= 0"),
    ROW(P "ctorch\nSize\nJ\xff\xff\xff\xff\x85\x85R.",
        "21: torch.Size of no tuple of numbers >= 0"),
    ROW(P "]}b.", "4: state is set on a list"),
    ROW(P "}]b.", "4: state is a list"),
    /* storages */
    ROW(P "NQ.", "3: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "U\1"
          "0Q.",
        "5: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "(U\7storage" FLOATS "U\1"
          "0U\3"
          "cputQ.",
        "41: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "(U\7storags" FLOATS "U\1"
          "0U\3"
          "cpuK\4tQ.",
        "43: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "(U\7storageNU\1"
          "0U\3"
          "cpuK\4tQ.",
        "24: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "(U\7storage" FLOATS "K\0U\3"
          "cpuK\4tQ.",
        "42: a persistent id is \"storage\", class, key, place and size"),
    ROW(P PID("J\xff\xff\xff\xff") ".",
        "46: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "(U\7storage" ODICT "U\1"
          "0U\3"
          "cpuK\4tQ.",
        "48: a storage of collections.OrderedDict"),
    ROW(P "(U\7storage" FLOATS "U\1"
          "0U\3"
          "cpuK\4NNtQ.",
        "45: a persistent id is \"storage\", class, key, place and size"),
    ROW(P "(U\7storage" FLOATS "U\1"
          "0U\3"
          "cpuK\4K\1tQ.",
        "45: a view of a storage is key, offset and size"),
    ROW(P "(U\7storage" FLOATS "U\1"
          "0U\3"
          "cpuK\4U\1vK\2K\3\x87tQ.",
        "51: a view reaches beyond its storage of 4 numbers"),
    ROW(P "(U\7storage" FLOATS "U\1"
          "0U\3"
          "cpuK\4U\1v\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1"
          "\x87tQ.",
        "59: a view reaches beyond its storage of 4 numbers"),
    /* tensors */
    ROW(P TENSOR_V2 "(NK\0))" NO_HOOKS "tR.", "70: a tensor of None"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "N))" NO_HOOKS "tR.",
        "110: the offset of a tensor is no number >= 0"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "J\xff\xff\xff\xff))" NO_HOOKS "tR.",
        "114: the offset of a tensor is no number >= 0"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0K\4\x85)" NO_HOOKS "tR.",
        "113: a tensor needs as many sizes as strides, at most 8, all >= 0"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0]K\1\x85" NO_HOOKS "tR.",
        "113: a tensor needs as many sizes as strides, at most 8, all >= 0"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0J\xff\xff\xff\xff\x85K\1\x85" NO_HOOKS "tR.",
        "118: a tensor needs as many sizes as strides, at most 8, all >= 0"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0K\1\x85J\xff\xff\xff\xff\x85" NO_HOOKS "tR.",
        "118: a tensor needs as many sizes as strides, at most 8, all >= 0"),
    ROW(P TENSOR_V2 "(" PID(
            FOUR) "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t" NO_HOOKS "tR.",
        "149: a tensor needs as many sizes as strides, at most 8, all >= 0"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0K\5\x85K\1\x85" NO_HOOKS "tR.",
        "115: a tensor reaches beyond its storage of 4 numbers"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\1K\4\x85K\1\x85" NO_HOOKS "tR.",
        "115: a tensor reaches beyond its storage of 4 numbers"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0K\2\x85K\4\x85" NO_HOOKS "tR.",
        "115: a tensor reaches beyond its storage of 4 numbers"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\2\x85K\1\x85" NO_HOOKS
                                  "tR.",
        "123: a tensor reaches beyond its storage of 4 numbers"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85K\3\x85" NO_HOOKS
                                  "tR.",
        "123: a tensor reaches beyond its storage of 4 numbers"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\0J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40\x87K\0K\0K\0\x87" NO_HOOKS
                                  "tR.",
        "132: a tensor reaches beyond its storage of 4 numbers"),
    ROW(P TENSOR_V2 "(" PID(FOUR) "K\5K\0\x85K\1\x85" NO_HOOKS "tR.",
        "115: a tensor reaches beyond its storage of 4 numbers"),
    /* and what is good */
    ROW(P "N.", NULL),
    ROW(P "}.", NULL),
    ROW(P "]q\0\x88\x89\x86"
          "a.",
        NULL),
    ROW(P ODICT ")\x81}(U\11_metadataK\1ub.", NULL),
    ROW(P ODICT "]U\1aK\1\x86"
                "a\x85R.",
        NULL), /* as Python 2 wrote an ordered dict */
    ROW(P "ctorch\nSize\nK\1K\2\x86\x85R.", NULL),
    ROW(P "}U\1a" TENSOR_V2 "(" PID(FOUR) "K\0K\2K\2\x86K\2K\1\x86" NO_HOOKS "tRs.", NULL),
    ROW(P "ctorch._utils\n_rebuild_tensor\n(" PID(FOUR) "K\0))tR.", NULL),
};

static void each_row_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *bytes = malloc(rows[i].n + 1); /* of its own, so that reading past the end shows */
        tw_error err = {TW_OK, ""};
        char expected[400];
        tw_pickle pickle;
        size_t room = SIZE_MAX;
        tw_status rc;

        memcpy(bytes, rows[i].bytes, rows[i].n);
        bytes = realloc(bytes, rows[i].n ? rows[i].n : 1);
        rc = tw_pickle_read(&pickle, bytes, rows[i].n, &room, "f", &err);
        if (rows[i].sentence)
            snprintf(expected, sizeof expected, "f: %s%s",
                     rows[i].sentence[0] >= '0' && rows[i].sentence[0] <= '9'
                         ? "torch pickle at byte "
                         : "",
                     rows[i].sentence);
        else
            expected[0] = '\0';
        if (strcmp(err.text, expected) != 0)
            fail_msg("row %zu: %s, not %s", i, err.text, expected);
        assert_int_equal(rc, rows[i].sentence ? TW_EFILE : TW_OK);
        if (rc == TW_OK) {
            assert_int_equal(pickle.n_used, rows[i].n);
            tw_pickle_free(&pickle);
        }
        assert_null(pickle.all);
        free(bytes);
    }
}

/* PROTO, n times `piece`, then `end`. */
static tw_status read_many(const char *begin, const char *piece, size_t n, const char *end,
                           size_t room, tw_error *err)
{
    const size_t n_begin = strlen(begin), n_piece = strlen(piece), n_end = strlen(end);
    const size_t n_all = n_begin + n * n_piece + n_end;
    uint8_t *bytes = malloc(n_all), *at = bytes + n_begin;
    tw_pickle pickle;
    tw_status rc;

    memcpy(bytes, begin, n_begin);
    for (; n > 0; n--, at += n_piece)
        memcpy(at, piece, n_piece);
    memcpy(at, end, n_end);
    if (!(rc = tw_pickle_read(&pickle, bytes, n_all, &room, "f", err)))
        tw_pickle_free(&pickle);
    free(bytes);
    return rc;
}

static void what_is_endless_ends(void **state)
{
    (void)state;
    assert_ok(read_many(P "N", "\x85", 64, ".", SIZE_MAX, e));
    assert_fails(TW_EFILE, "f: torch pickle at byte 67: nested deeper than 64",
                 read_many(P "N", "\x85", 65, ".", SIZE_MAX, e));
    assert_fails(TW_EFILE, "f: torch pickle at byte 524290: more than 524288 values",
                 read_many(P, "N", 524289, ".", SIZE_MAX, e));
    assert_fails(TW_EFILE, "f: torch pickle at byte 2097155: more than 1048576 values on the stack",
                 read_many(P "Nq\1", "h\1", 1048577, ".", SIZE_MAX, e));
    assert_fails(TW_EFILE, "f: torch pickle at byte 1048578: more than 1048576 marks",
                 read_many(P, "(", 1048577, ".", SIZE_MAX, e));
    assert_fails(TW_EFILE, "f: torch pickle at byte 12582918: more than 4194304 items",
                 read_many(P "]Nq\1a", "h\1a", 4194304, ".", SIZE_MAX, e));
}

/* Whatever there is many of takes its room long before its count is too large. */
static void what_has_no_room_is_refused(void **state)
{
    static const struct {
        const char *begin, *piece;
        int at;
    } many[] = {
        {P, "N", 4726},
        {P "Nq\1", "h\1", 131075},
        {P, "(", 65538},
        {P "]Nq\1a", "h\1a", 196614},
    };
    static const char far[] = P "Nr\xff\xff\x0f\0."; /* the last place of the memo */
    char sentence[120];
    size_t room = 1 << 20;
    tw_pickle pickle;

    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        snprintf(sentence, sizeof sentence,
                 "f: torch pickle at byte %d: more values than a file of its size may have",
                 many[i].at);
        assert_fails(TW_EFILE, sentence,
                     read_many(many[i].begin, many[i].piece, 300000, ".", room, e));
    }
    assert_fails(TW_EFILE,
                 "f: torch pickle at byte 3: more values than a file of its size may have",
                 tw_pickle_read(&pickle, (const uint8_t *)far, sizeof far - 1, &room, "f", e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_its_sentence),
        cmocka_unit_test(what_is_endless_ends),
        cmocka_unit_test(what_has_no_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
