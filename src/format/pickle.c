/*
 * The machine of the unpickler: opcodes, stack, marks and memo.
 *
 * Every length is compared with the bytes that are left before it is believed. An opcode makes at
 * most one value, values and memo are counted, their memory is the caller's to bound, and so is
 * depth, so a small file cannot become a large tree. A container that lies in another value is
 * never changed again: no cycles.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/pickle_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_VALUES = 1 << 19,
    MAX_MEMO = 1 << 20,
    MAX_STACK = 1 << 20,
    MAX_ITEMS = 1 << 22,
    MAX_DEPTH = 64,
    MAX_WORD = 200, /* letters of a module or a name */
    BLOCK = 32,     /* what an allocation takes beside its bytes, at most */
    PROTOCOL = 2
};

#define NAME(name, text) text,
static const char *const kinds[] = {TW_PICKLE_KIND_LIST(NAME)};
#undef NAME

const char *tw_pickle_kind_name(tw_pickle_kind kind)
{
    return kinds[kind];
}

tw_status tw_format__pickle_broken(const tw_format__machine *m, tw_error *err, const char *format,
                                   ...)
{
    char what[400];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return tw_fail(err, TW_EFILE, "%s: torch pickle at byte %zu: %s", m->name,
                   (size_t)(m->op - m->begin), what);
}

static tw_status fail_memory(const tw_format__machine *m, tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "no memory for the pickle of %s", m->name);
}

tw_status tw_format__pickle_take_room(tw_format__machine *m, size_t n, tw_error *err)
{
    if (*m->room < n + BLOCK)
        return tw_format__pickle_broken(m, err, "more values than a file of its size may have");
    *m->room -= n + BLOCK;
    return TW_OK;
}

/* ---- reading bytes */

static size_t left(const tw_format__machine *m)
{
    return (size_t)(m->end - m->at);
}

static tw_status take(const uint8_t **out, tw_format__machine *m, uint64_t n, tw_error *err)
{
    *out = m->at;
    if (n > left(m))
        return tw_format__pickle_broken(m, err, "%llu bytes are wanted, %zu are left",
                                        (unsigned long long)n, left(m));
    m->at += n;
    return TW_OK;
}

/* An unsigned number of n bytes, the lowest first. */
static tw_status take_number(uint64_t *out, tw_format__machine *m, size_t n, tw_error *err)
{
    const uint8_t *bytes;
    tw_status rc = take(&bytes, m, n, err);

    *out = 0;
    for (size_t i = n; rc == TW_OK && i > 0; i--)
        *out = *out << 8 | bytes[i - 1];
    return rc;
}

/* Letters up to the end of the line. */
static tw_status take_word(tw_pickle_text *out, tw_format__machine *m, tw_error *err)
{
    const uint8_t *end = memchr(m->at, '\n', left(m));

    if (!end || end - m->at > MAX_WORD || end == m->at)
        return tw_format__pickle_broken(m, err, "no name of 1 to %d letters", (int)MAX_WORD);
    *out = (tw_pickle_text){(const char *)m->at, (size_t)(end - m->at)};
    for (const uint8_t *p = m->at; p < end; p++)
        if (*p <= ' ' || *p >= 127)
            return tw_format__pickle_broken(m, err, "a name with the byte %d", *p);
    m->at = end + 1;
    return TW_OK;
}

/* Bytes of the UTF-8 letter at p, of which n are left; 0 where it is none or zero. */
static size_t letter_size(const uint8_t *p, size_t n)
{
    static const uint32_t smallest[] = {0, 1, 0x80, 0x800, 0x10000};
    const size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t letter = size == 1 ? p[0] : p[0] & (0xffu >> (size + 1));

    if (size > n || (p[0] >= 0x80 && p[0] < 0xc0) || p[0] > 0xf7)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        letter = letter << 6 | (p[i] & 0x3f);
    }
    if (letter < smallest[size] || letter > 0x10ffff || (letter >= 0xd800 && letter < 0xe000))
        return 0;
    return size;
}

static bool is_text(const uint8_t *p, size_t n)
{
    while (n > 0) {
        const size_t size = letter_size(p, n);

        if (size == 0)
            return false;
        p += size;
        n -= size;
    }
    return true;
}

/* ---- stack */

tw_status tw_format__pickle_push(tw_pickle_value **out, tw_format__machine *m, tw_pickle_kind kind,
                                 tw_error *err)
{
    tw_pickle_value *value;
    tw_status rc;

    *out = NULL;
    if (m->n_values == MAX_VALUES)
        return tw_format__pickle_broken(m, err, "more than %d values", (int)MAX_VALUES);
    if ((rc = tw_format__pickle_take_room(m, sizeof *value, err)))
        return rc;
    if (!(value = tw_calloc(1, sizeof *value)))
        return fail_memory(m, err);
    value->kind = kind;
    value->next = m->out->all;
    m->out->all = value;
    m->n_values++;
    m->stack[m->n_stack++] = value; /* obey has made room */
    *out = value;
    return TW_OK;
}

/* One opcode pushes at most one value. */
static tw_status make_room(tw_format__machine *m, tw_error *err)
{
    const size_t capacity = m->capacity ? 2 * m->capacity : 64;
    tw_pickle_value **grown;
    tw_status rc;

    if (m->n_stack < m->capacity)
        return TW_OK;
    if (m->n_stack == MAX_STACK)
        return tw_format__pickle_broken(m, err, "more than %d values on the stack", (int)MAX_STACK);
    if ((rc = tw_format__pickle_take_room(m, (capacity - m->capacity) * sizeof *grown, err)))
        return rc;
    if (!(grown = tw_realloc(m->stack, capacity * sizeof *grown)))
        return fail_memory(m, err);
    m->stack = grown;
    m->capacity = capacity;
    return TW_OK;
}

/* The height below which nothing may be popped. */
static size_t floor_of(const tw_format__machine *m)
{
    return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

static tw_status pop(tw_pickle_value **out, tw_format__machine *m, tw_error *err)
{
    *out = NULL;
    if (m->n_stack == floor_of(m))
        return tw_format__pickle_broken(m, err, "the stack is empty");
    *out = m->stack[--m->n_stack];
    return TW_OK;
}

static tw_status push_mark(tw_format__machine *m, size_t n, tw_error *err)
{
    const size_t capacity = m->marks_capacity ? 2 * m->marks_capacity : 16;
    size_t *grown;
    tw_status rc;

    (void)n;
    if (m->n_marks == MAX_STACK)
        return tw_format__pickle_broken(m, err, "more than %d marks", (int)MAX_STACK);
    if (m->n_marks == m->marks_capacity) {
        if ((rc = tw_format__pickle_take_room(m, (capacity - m->marks_capacity) * sizeof *grown,
                                              err)))
            return rc;
        if (!(grown = tw_realloc(m->marks, capacity * sizeof *grown)))
            return fail_memory(m, err);
        m->marks = grown;
        m->marks_capacity = capacity;
    }
    m->marks[m->n_marks++] = m->n_stack;
    return TW_OK;
}

/* What lies above the last mark: stack[*first, n_stack). The mark is gone then. */
static tw_status pop_mark(size_t *first, tw_format__machine *m, tw_error *err)
{
    *first = m->n_stack;
    if (m->n_marks == 0)
        return tw_format__pickle_broken(m, err, "no mark");
    *first = m->marks[--m->n_marks];
    return TW_OK;
}

/* ---- containers */

/* What only arguments may hold. */
static bool is_raw(const tw_pickle_value *value)
{
    return value->kind >= TW_PICKLE_STORAGE || value->is_raw;
}

tw_status tw_format__pickle_hold(tw_format__machine *m, tw_pickle_value *in, tw_pickle_value *value,
                                 tw_error *err)
{
    const size_t capacity = in->capacity ? 2 * in->capacity : 4;
    tw_pickle_value **grown;
    tw_status rc;

    if (value == in)
        return tw_format__pickle_broken(m, err, "%s that contains itself", kinds[in->kind]);
    if (in->is_held)
        return tw_format__pickle_broken(m, err, "%s changes inside another value", kinds[in->kind]);
    if (is_raw(value) && in->kind != TW_PICKLE_TUPLE)
        return tw_format__pickle_broken(m, err, "%s in %s", kinds[value->kind], kinds[in->kind]);
    if (m->n_items++ == MAX_ITEMS)
        return tw_format__pickle_broken(m, err, "more than %d items", (int)MAX_ITEMS);
    if (value->depth >= MAX_DEPTH)
        return tw_format__pickle_broken(m, err, "nested deeper than %d", (int)MAX_DEPTH);
    if (in->n == in->capacity) {
        if ((rc = tw_format__pickle_take_room(m, (capacity - in->capacity) * sizeof *grown, err)))
            return rc;
        if (!(grown = tw_realloc(in->items, capacity * sizeof *grown)))
            return fail_memory(m, err);
        in->items = grown;
        in->capacity = capacity;
    }
    if (in->depth <= value->depth)
        in->depth = value->depth + 1;
    in->is_raw = in->is_raw || is_raw(value);
    value->is_held = true;
    in->items[in->n++] = value;
    return TW_OK;
}

tw_status tw_format__pickle_set(tw_format__machine *m, tw_pickle_value *dict, tw_pickle_value *key,
                                tw_pickle_value *value, tw_error *err)
{
    tw_status rc;

    if (key->kind > TW_PICKLE_TEXT)
        return tw_format__pickle_broken(m, err, "%s as a key", kinds[key->kind]);
    if ((rc = tw_format__pickle_hold(m, dict, key, err)))
        return rc;
    return tw_format__pickle_hold(m, dict, value, err);
}

/* SETITEMS: stack[first, n_stack) are keys and values of the dict below them. */
static tw_status set_items(tw_format__machine *m, size_t first, tw_error *err)
{
    tw_pickle_value *dict;
    tw_status rc;

    if (first == floor_of(m))
        return tw_format__pickle_broken(m, err, "the stack is empty");
    dict = m->stack[first - 1];
    if (dict->kind != TW_PICKLE_DICT)
        return tw_format__pickle_broken(m, err, "items are set on %s", kinds[dict->kind]);
    if ((m->n_stack - first) % 2 != 0)
        return tw_format__pickle_broken(m, err, "a key without a value");
    for (size_t i = first; i < m->n_stack; i += 2)
        if ((rc = tw_format__pickle_set(m, dict, m->stack[i], m->stack[i + 1], err)))
            return rc;
    m->n_stack = first;
    return TW_OK;
}

/* APPENDS, likewise. */
static tw_status append(tw_format__machine *m, size_t first, tw_error *err)
{
    tw_pickle_value *list;
    tw_status rc;

    if (first == floor_of(m))
        return tw_format__pickle_broken(m, err, "the stack is empty");
    list = m->stack[first - 1];
    if (list->kind != TW_PICKLE_LIST)
        return tw_format__pickle_broken(m, err, "items are appended to %s", kinds[list->kind]);
    for (size_t i = first; i < m->n_stack; i++)
        if ((rc = tw_format__pickle_hold(m, list, m->stack[i], err)))
            return rc;
    m->n_stack = first;
    return TW_OK;
}

/* SETITEM and APPEND: the n values on top, without a mark. */
static tw_status find_top(size_t *first, const tw_format__machine *m, size_t n, tw_error *err)
{
    *first = m->n_stack;
    if (m->n_stack - floor_of(m) < n)
        return tw_format__pickle_broken(m, err, "the stack is empty");
    *first -= n;
    return TW_OK;
}

/* A tuple of stack[first, n_stack) in their place. */
static tw_status make_tuple(tw_format__machine *m, size_t first, tw_error *err)
{
    const size_t n = m->n_stack - first;
    tw_pickle_value *tuple;
    tw_status rc = tw_format__pickle_push(&tuple, m, TW_PICKLE_TUPLE, err);

    for (size_t i = 0; rc == TW_OK && i < n; i++)
        rc = tw_format__pickle_hold(m, tuple, m->stack[first + i], err);
    if (rc)
        return rc;
    m->stack[first] = tuple;
    m->n_stack = first + 1;
    return TW_OK;
}

/* ---- memo */

static tw_status put(tw_format__machine *m, uint64_t index, tw_error *err)
{
    size_t n = m->n_memo ? m->n_memo : 64;
    tw_pickle_value **grown;
    tw_status rc;

    if (m->n_stack == floor_of(m))
        return tw_format__pickle_broken(m, err, "the stack is empty");
    if (index >= MAX_MEMO)
        return tw_format__pickle_broken(m, err, "memo %llu, at most %d are kept",
                                        (unsigned long long)index, (int)MAX_MEMO);
    while (n <= index)
        n *= 2;
    if (n > m->n_memo) {
        if ((rc = tw_format__pickle_take_room(m, (n - m->n_memo) * sizeof *grown, err)))
            return rc;
        if (!(grown = tw_realloc(m->memo, n * sizeof *grown)))
            return fail_memory(m, err);
        memset(grown + m->n_memo, 0, (n - m->n_memo) * sizeof *grown);
        m->memo = grown;
        m->n_memo = n;
    }
    m->memo[index] = m->stack[m->n_stack - 1];
    return TW_OK;
}

static tw_status get(tw_format__machine *m, uint64_t index, tw_error *err)
{
    if (index >= m->n_memo || !m->memo[index])
        return tw_format__pickle_broken(m, err, "memo %llu was never put",
                                        (unsigned long long)index);
    m->stack[m->n_stack++] = m->memo[index];
    return TW_OK;
}

/* ---- values */

static tw_status push_int(tw_format__machine *m, tw_pickle_kind kind, int64_t integer,
                          tw_error *err)
{
    tw_pickle_value *value;
    tw_status rc = tw_format__pickle_push(&value, m, kind, err);

    if (rc == TW_OK)
        value->integer = integer;
    return rc;
}

/* BININT, BININT1, BININT2: n bytes, signed where there are four. */
static tw_status push_small_int(tw_format__machine *m, size_t n, tw_error *err)
{
    uint64_t bits;
    tw_status rc = take_number(&bits, m, n, err);

    return rc ? rc
              : push_int(m, TW_PICKLE_INT,
                         n == 4 ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)bits, err);
}

/* LONG1: a length and that many bytes of two's complement. */
static tw_status push_long(tw_format__machine *m, size_t n_length, tw_error *err)
{
    const uint8_t *bytes;
    uint64_t n, bits;
    tw_status rc;

    if ((rc = take_number(&n, m, n_length, err)) || (rc = take(&bytes, m, n, err)))
        return rc;
    if (n > sizeof bits)
        return tw_format__pickle_broken(m, err, "an int of %d bytes", (int)n);
    bits = n > 0 && bytes[n - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)n; i > 0; i--)
        bits = bits << 8 | bytes[i - 1];
    return push_int(m, TW_PICKLE_INT, (int64_t)bits, err);
}

/* BINFLOAT: a double, the highest byte first. */
static tw_status push_float(tw_format__machine *m, size_t n, tw_error *err)
{
    const uint8_t *bytes;
    uint64_t bits = 0;
    tw_pickle_value *value;
    tw_status rc;

    (void)n;
    if ((rc = take(&bytes, m, sizeof bits, err)) ||
        (rc = tw_format__pickle_push(&value, m, TW_PICKLE_FLOAT, err)))
        return rc;
    for (size_t i = 0; i < sizeof bits; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&value->real, &bits, sizeof bits);
    return TW_OK;
}

/* BINUNICODE, SHORT_BINSTRING: a length of n_length bytes, then text. */
static tw_status push_text(tw_format__machine *m, size_t n_length, tw_error *err)
{
    const uint8_t *bytes;
    uint64_t n;
    tw_pickle_value *value;
    tw_status rc;

    if ((rc = take_number(&n, m, n_length, err)) || (rc = take(&bytes, m, n, err)))
        return rc;
    if (!is_text(bytes, (size_t)n))
        return tw_format__pickle_broken(m, err, "a string that is no UTF-8 without zero bytes");
    if ((rc = tw_format__pickle_push(&value, m, TW_PICKLE_TEXT, err)))
        return rc;
    value->text = (tw_pickle_text){(const char *)bytes, (size_t)n};
    return TW_OK;
}

static tw_status push_global(tw_format__machine *m, size_t n, tw_error *err)
{
    tw_pickle_text module, name;
    tw_status rc;

    (void)n;
    if ((rc = take_word(&module, m, err)) || (rc = take_word(&name, m, err)))
        return rc;
    return tw_format__pickle_global(m, module, name, err);
}

static tw_status apply(tw_format__machine *m, size_t is_class, tw_error *err)
{
    tw_pickle_value *args, *global;
    tw_status rc;

    if ((rc = pop(&args, m, err)) || (rc = pop(&global, m, err)))
        return rc;
    if (global->kind != TW_PICKLE_GLOBAL)
        return tw_format__pickle_broken(m, err, "%s is called", kinds[global->kind]);
    if (args->kind != TW_PICKLE_TUPLE)
        return tw_format__pickle_broken(m, err, "arguments are %s", kinds[args->kind]);
    return tw_format__pickle_apply(m, global, args, is_class != 0, err);
}

/* BUILD: the state of an ordered dict ({"_metadata": ...}) is looked at and left. */
static tw_status build(tw_format__machine *m, size_t n, tw_error *err)
{
    tw_pickle_value *state;
    tw_status rc;

    (void)n;
    if ((rc = pop(&state, m, err)))
        return rc;
    if (m->n_stack == floor_of(m))
        return tw_format__pickle_broken(m, err, "the stack is empty");
    if (m->stack[m->n_stack - 1]->kind != TW_PICKLE_DICT)
        return tw_format__pickle_broken(m, err, "state is set on %s",
                                        kinds[m->stack[m->n_stack - 1]->kind]);
    if (state->kind != TW_PICKLE_DICT)
        return tw_format__pickle_broken(m, err, "state is %s", kinds[state->kind]);
    return TW_OK;
}

static tw_status check_protocol(tw_format__machine *m, size_t n, tw_error *err)
{
    uint64_t protocol;
    tw_status rc = take_number(&protocol, m, 1, err);

    (void)n;
    if (rc == TW_OK && m->op != m->begin)
        return tw_format__pickle_broken(m, err, "a second protocol");
    if (rc == TW_OK && protocol != PROTOCOL)
        return tw_format__pickle_broken(m, err, "protocol %d, only %d is read", (int)protocol,
                                        (int)PROTOCOL);
    return rc;
}

static tw_status push_storage(tw_format__machine *m, size_t n, tw_error *err)
{
    tw_pickle_value *pid;
    tw_status rc = pop(&pid, m, err);

    (void)n;
    return rc ? rc : tw_format__pickle_storage(m, pid, err);
}

/* ---- opcodes */

typedef struct opcode {
    char code;
    char n; /* bytes of its number, values of its tuple, ... */
    tw_status (*run)(tw_format__machine *m, size_t n, tw_error *err);
} opcode;

static tw_status run_append(tw_format__machine *m, size_t n, tw_error *err)
{
    size_t first;
    tw_status rc = n ? find_top(&first, m, n, err) : pop_mark(&first, m, err);

    return rc ? rc : append(m, first, err);
}

static tw_status run_set(tw_format__machine *m, size_t n, tw_error *err)
{
    size_t first;
    tw_status rc = n ? find_top(&first, m, n, err) : pop_mark(&first, m, err);

    return rc ? rc : set_items(m, first, err);
}

static tw_status run_tuple(tw_format__machine *m, size_t n, tw_error *err)
{
    size_t first;
    tw_status rc = find_top(&first, m, n, err);

    return rc ? rc : make_tuple(m, first, err);
}

static tw_status push_marked_tuple(tw_format__machine *m, size_t n, tw_error *err)
{
    size_t first;
    tw_status rc = pop_mark(&first, m, err);

    (void)n;
    return rc ? rc : make_tuple(m, first, err);
}

static tw_status run_empty(tw_format__machine *m, size_t kind, tw_error *err)
{
    tw_pickle_value *value;

    return tw_format__pickle_push(&value, m, (tw_pickle_kind)kind, err);
}

static tw_status run_bool(tw_format__machine *m, size_t value, tw_error *err)
{
    return push_int(m, TW_PICKLE_BOOL, (int64_t)value, err);
}

static tw_status run_get(tw_format__machine *m, size_t n, tw_error *err)
{
    uint64_t index;
    tw_status rc = take_number(&index, m, n, err);

    return rc ? rc : get(m, index, err);
}

static tw_status run_put(tw_format__machine *m, size_t n, tw_error *err)
{
    uint64_t index;
    tw_status rc = take_number(&index, m, n, err);

    return rc ? rc : put(m, index, err);
}

enum { CODE_STOP = '.' };

static const opcode opcodes[] = {
    {(char)0x80, 0, check_protocol},  /* PROTO */
    {'(', 0, push_mark},              /* MARK */
    {'c', 0, push_global},            /* GLOBAL */
    {'R', 0, apply},                  /* REDUCE */
    {(char)0x81, 1, apply},           /* NEWOBJ */
    {'b', 0, build},                  /* BUILD */
    {'Q', 0, push_storage},           /* BINPERSID */
    {'a', 1, run_append},             /* APPEND */
    {'e', 0, run_append},             /* APPENDS */
    {'s', 2, run_set},                /* SETITEM */
    {'u', 0, run_set},                /* SETITEMS */
    {')', 0, run_tuple},              /* EMPTY_TUPLE */
    {(char)0x85, 1, run_tuple},       /* TUPLE1 */
    {(char)0x86, 2, run_tuple},       /* TUPLE2 */
    {(char)0x87, 3, run_tuple},       /* TUPLE3 */
    {'t', 0, push_marked_tuple},      /* TUPLE */
    {']', TW_PICKLE_LIST, run_empty}, /* EMPTY_LIST */
    {'}', TW_PICKLE_DICT, run_empty}, /* EMPTY_DICT */
    {'N', TW_PICKLE_NONE, run_empty}, /* NONE */
    {(char)0x88, 1, run_bool},        /* NEWTRUE */
    {(char)0x89, 0, run_bool},        /* NEWFALSE */
    {'J', 4, push_small_int},         /* BININT */
    {'K', 1, push_small_int},         /* BININT1 */
    {'M', 2, push_small_int},         /* BININT2 */
    {(char)0x8a, 1, push_long},       /* LONG1 */
    {'G', 0, push_float},             /* BINFLOAT */
    {'X', 4, push_text},              /* BINUNICODE */
    {'U', 1, push_text},              /* SHORT_BINSTRING */
    {'h', 1, run_get},                /* BINGET */
    {'j', 4, run_get},                /* LONG_BINGET */
    {'q', 1, run_put},                /* BINPUT */
    {'r', 4, run_put},                /* LONG_BINPUT */
};

static const opcode *find_opcode(uint8_t code)
{
    for (size_t i = 0; i < sizeof opcodes / sizeof opcodes[0]; i++)
        if ((uint8_t)opcodes[i].code == code)
            return &opcodes[i];
    return NULL;
}

static tw_status run(tw_format__machine *m, tw_error *err)
{
    const opcode *row;
    tw_status rc;

    for (;;) {
        m->op = m->at;
        if (left(m) == 0)
            return tw_format__pickle_broken(m, err, "ends without STOP");
        if (*m->at == CODE_STOP)
            break;
        if (m->at == m->begin && *m->at != 0x80)
            return tw_format__pickle_broken(m, err, "does not begin with a protocol");
        if (!(row = find_opcode(*m->at++)))
            return tw_format__pickle_broken(m, err, "opcode 0x%02x is not read", *m->op);
        if ((rc = make_room(m, err)) || (rc = row->run(m, (size_t)row->n, err)))
            return rc;
    }
    m->at++;
    if (m->n_stack != 1 || m->n_marks != 0)
        return tw_format__pickle_broken(m, err, "STOP with %zu values and %zu marks", m->n_stack,
                                        m->n_marks);
    if (is_raw(m->stack[0]))
        return tw_format__pickle_broken(m, err, "the whole is %s", kinds[m->stack[0]->kind]);
    return TW_OK;
}

tw_status tw_pickle_read(tw_pickle *out, const uint8_t *bytes, size_t n, size_t *room,
                         const char *name, tw_error *err)
{
    tw_format__machine m = {.name = name,
                            .begin = bytes,
                            .at = bytes,
                            .op = bytes,
                            .end = bytes + n,
                            .room = room,
                            .out = out};
    tw_status rc;

    memset(out, 0, sizeof *out);
    rc = run(&m, err);
    if (rc == TW_OK) {
        out->root = m.stack[0];
        out->n_used = (size_t)(m.at - bytes);
    }
    tw_free(m.stack);
    tw_free(m.marks);
    tw_free(m.memo);
    if (rc)
        tw_pickle_free(out);
    return rc;
}

void tw_pickle_free(tw_pickle *pickle)
{
    tw_pickle_value *next;

    for (tw_pickle_value *value = pickle->all; value; value = next) {
        next = value->next;
        if (value->kind == TW_PICKLE_LIST || value->kind == TW_PICKLE_TUPLE ||
            value->kind == TW_PICKLE_DICT)
            tw_free(value->items);
        tw_free(value);
    }
    tw_free(pickle->storages);
    memset(pickle, 0, sizeof *pickle);
}

/* ---- asking */

bool tw_pickle_text_is(const tw_pickle_text *text, const char *word)
{
    return text->n == strlen(word) && memcmp(text->at, word, text->n) == 0;
}

tw_pickle_value *tw_pickle_get(const tw_pickle_value *dict, const char *key)
{
    for (size_t i = dict->n; i >= 2; i -= 2)
        if (dict->items[i - 2]->kind == TW_PICKLE_TEXT &&
            tw_pickle_text_is(&dict->items[i - 2]->text, key))
            return dict->items[i - 1];
    return NULL;
}
