/*
 * The header of .npy, NumPy's file of one array:
 *
 *   \x93NUMPY  major minor  length (u16, from version 2 on u32)  {'descr': ..., } spaces \n
 *
 * The dict is a Python literal with exactly three keys in any order. What is parsed is that closed
 * grammar and nothing else: no objects, no structured types, no header above 10,000 bytes.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/arrays_int.h"
#include "tensor/tensor.h"

#include <string.h>

/* One row a type: letter and bytes as in descr, dtype, whether dtype is only of that size. */
static const struct {
    char code[3];
    tw_dtype dtype;
    int is_unsigned;
} types[] = {{"f4", TW_F32, 0}, {"f8", TW_F64, 0}, {"f2", TW_F16, 0}, {"u1", TW_U8, 0},
             {"b1", TW_U8, 0},  {"i1", TW_I8, 0},  {"i2", TW_I16, 0}, {"i4", TW_I32, 0},
             {"i8", TW_I64, 0}, {"u2", TW_I16, 1}, {"u4", TW_I32, 1}, {"u8", TW_I64, 1}};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* ---- reading */

typedef struct cursor {
    const char *p, *end;
    const char *name; /* of the file */
    tw_error *err;
} cursor;

static void skip_spaces(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n'))
        c->p++;
}

static bool accept(cursor *c, char letter)
{
    skip_spaces(c);
    if (c->p == c->end || *c->p != letter)
        return false;
    c->p++;
    return true;
}

static tw_status fail_syntax(const cursor *c, const char *what)
{
    const size_t left = (size_t)(c->end - c->p);
    char seen[24];
    size_t n = 0;

    for (; n < left && n < sizeof seen - 1; n++)
        seen[n] = c->p[n] >= ' ' && c->p[n] <= '~' ? c->p[n] : '?';
    seen[n] = '\0';
    return tw_fail(c->err, TW_EFILE, "%s: .npy header: expected %s, found \"%s\"", c->name, what,
                   seen);
}

/* A quoted word without escapes; borrowed. */
static tw_status read_word(cursor *c, const char **word, size_t *n, const char *what)
{
    const char *close;
    char quote;

    skip_spaces(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return fail_syntax(c, what);
    quote = *c->p;
    close = memchr(c->p + 1, quote, (size_t)(c->end - c->p) - 1);
    if (!close)
        return fail_syntax(c, what);
    *word = c->p + 1;
    *n = (size_t)(close - *word);
    c->p = close + 1;
    return TW_OK;
}

static tw_status read_descr(cursor *c, tw_format__npy *npy)
{
    const char *word;
    size_t n;
    tw_status rc;

    skip_spaces(c);
    if (c->p < c->end && *c->p == '[')
        return tw_fail(c->err, TW_EFILE, "%s: structured numbers are not read", c->name);
    if ((rc = read_word(c, &word, &n, "a type such as '<f4'")))
        return rc;
    for (size_t i = 0; n == 3 && i < N_TYPES; i++)
        if (memchr("<>|=", word[0], 4) && memcmp(word + 1, types[i].code, 2) == 0) {
            npy->dtype = types[i].dtype;
            npy->is_unsigned = types[i].is_unsigned;
            npy->big_endian = word[0] == '>';
            return TW_OK;
        }
    if (memchr(word, 'O', n))
        return tw_fail(c->err, TW_EFILE, "%s: Python objects are not read", c->name);
    return tw_fail(c->err, TW_EFILE, "%s: type '%.*s' is not read", c->name, n < 16 ? (int)n : 16,
                   word);
}

static tw_status read_order(cursor *c, tw_format__npy *npy)
{
    size_t left;

    skip_spaces(c);
    left = (size_t)(c->end - c->p);
    if (left >= 5 && memcmp(c->p, "False", 5) == 0) {
        npy->fortran_order = 0;
        c->p += 5;
        return TW_OK;
    }
    if (left >= 4 && memcmp(c->p, "True", 4) == 0) {
        npy->fortran_order = 1;
        c->p += 4;
        return TW_OK;
    }
    return fail_syntax(c, "True or False");
}

/* Digits, and the L that Python 2 wrote behind them. */
static tw_status read_size(cursor *c, int64_t *out)
{
    int64_t value = 0;
    const char *begin;

    skip_spaces(c);
    for (begin = c->p; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (!tw_mul_i64(&value, value, 10) || !tw_add_i64(&value, value, *c->p - '0'))
            return fail_syntax(c, "a size below 2^63");
    if (c->p == begin)
        return fail_syntax(c, "a size");
    if (c->p < c->end && *c->p == 'L')
        c->p++;
    *out = value;
    return TW_OK;
}

static tw_status read_shape(cursor *c, tw_format__npy *npy)
{
    bool comma = true;
    tw_status rc;

    npy->shape.rank = 0;
    if (!accept(c, '('))
        return fail_syntax(c, "a shape in brackets");
    while (!accept(c, ')')) {
        if (!comma)
            return fail_syntax(c, "a comma");
        if (npy->shape.rank == TW_MAX_RANK)
            return tw_fail(c->err, TW_EFILE, "%s: more than %d dimensions", c->name, TW_MAX_RANK);
        if ((rc = read_size(c, &npy->shape.dims[npy->shape.rank++])))
            return rc;
        comma = accept(c, ',');
    }
    if (npy->shape.rank == 1 && !comma)
        return fail_syntax(c, "a comma in the brackets");
    return TW_OK;
}

/* One row a key: name, reader. */
static const struct {
    const char *name;
    tw_status (*read)(cursor *c, tw_format__npy *npy);
} keys[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

static tw_status read_pair(cursor *c, tw_format__npy *npy, bool seen[N_KEYS])
{
    const char *word;
    size_t n;
    tw_status rc;

    if ((rc = read_word(c, &word, &n, "a key")))
        return rc;
    for (int k = 0; k < N_KEYS; k++) {
        if (n != strlen(keys[k].name) || memcmp(word, keys[k].name, n) != 0)
            continue;
        if (seen[k])
            return tw_fail(c->err, TW_EFILE, "%s: .npy header has %s twice", c->name, keys[k].name);
        seen[k] = true;
        return accept(c, ':') ? keys[k].read(c, npy) : fail_syntax(c, "a colon");
    }
    return tw_fail(c->err, TW_EFILE, "%s: .npy header has an unknown key '%.*s'", c->name,
                   n < 32 ? (int)n : 32, word);
}

static tw_status read_dict(cursor *c, tw_format__npy *npy)
{
    bool seen[N_KEYS] = {false};
    bool comma = true;
    tw_status rc;

    if (!accept(c, '{'))
        return fail_syntax(c, "a dict in braces");
    while (!accept(c, '}')) {
        if (!comma)
            return fail_syntax(c, "a comma");
        if ((rc = read_pair(c, npy, seen)))
            return rc;
        comma = accept(c, ',');
    }
    for (int k = 0; k < N_KEYS; k++)
        if (!seen[k])
            return tw_fail(c->err, TW_EFILE, "%s: .npy header lacks %s", c->name, keys[k].name);
    skip_spaces(c);
    return c->p == c->end ? TW_OK : fail_syntax(c, "nothing but spaces after the dict");
}

tw_status tw_format__npy_parse(tw_format__npy *out, const uint8_t *head, size_t n, const char *name,
                               tw_error *err)
{
    size_t begin, length;
    cursor c;

    memset(out, 0, sizeof *out);
    if (n < 12 || memcmp(head, "\x93NUMPY", 6) != 0)
        return tw_fail(err, TW_EFILE, "%s: does not begin as a .npy does", name);
    if (head[6] < 1 || head[6] > 3 || head[7] != 0)
        return tw_fail(err, TW_EFILE, "%s: .npy version %d.%d, 1.0 to 3.0 are read", name, head[6],
                       head[7]);
    begin = head[6] == 1 ? 10 : 12;
    length = (size_t)head[8] | (size_t)head[9] << 8;
    if (head[6] > 1)
        length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (length > TW_FORMAT__NPY_HEADER_MAX)
        return tw_fail(err, TW_EFILE, "%s: .npy header of %zu bytes, at most %d are read", name,
                       length, (int)TW_FORMAT__NPY_HEADER_MAX);
    if (length > n - begin)
        return tw_fail(err, TW_EFILE, "%s: truncated: .npy header of %zu bytes, %zu are there",
                       name, length, n - begin);
    c = (cursor){(const char *)head + begin, (const char *)head + begin + length, name, err};
    out->data_offset = (int64_t)(begin + length);
    return read_dict(&c, out);
}

/* ---- writing */

/* NumPy leaves room for the first size to grow to this many digits. */
enum { GROWTH_DIGITS = 21, ALIGNMENT = 64, PREFIX = 10 };

static const char *type_code(tw_dtype dtype)
{
    for (int i = 0; i < N_TYPES; i++)
        if (types[i].dtype == dtype && !types[i].is_unsigned)
            return types[i].code;
    return NULL;
}

tw_status tw_npy_write_header(tw_writer *writer, tw_dtype dtype, const tw_shape *shape,
                              tw_error *err)
{
    const char *code = type_code(dtype);
    tw_text text = {0};
    size_t n, first_n = 0;
    uint8_t prefix[PREFIX] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0};
    tw_status rc;

    if (!code)
        return tw_fail(err, TW_EUNSUPPORTED, ".npy has no type for %s", tw_dtype_name(dtype));
    tw_text_add(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                tw_dtype_size(dtype) == 1 ? '|' : '<', code);
    for (int d = 0; d < shape->rank; d++) {
        const size_t before = text.n;

        tw_text_add(&text, "%lld", (long long)shape->dims[d]);
        first_n = d == 0 ? text.n - before : first_n;
        tw_text_add(&text, "%s", d + 1 < shape->rank ? ", " : shape->rank == 1 ? "," : "");
    }
    tw_text_add(&text, "), }%*s", shape->rank > 0 ? (int)(GROWTH_DIGITS - first_n) : 0, "");
    n = (PREFIX + text.n + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    tw_text_add(&text, "%*s\n", (int)(n - PREFIX - text.n - 1), "");
    if (text.failed) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a .npy header");
        goto done;
    }
    prefix[8] = (uint8_t)((n - PREFIX) & 0xff);
    prefix[9] = (uint8_t)((n - PREFIX) >> 8);
    if (!(rc = tw_writer_write(writer, prefix, sizeof prefix, err)))
        rc = tw_writer_write(writer, text.text, text.n, err);
done:
    tw_text_free(&text);
    return rc;
}
