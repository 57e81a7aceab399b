/*
 * Protocol buffers; see protobuf.h.
 */
#include "format/protobuf.h"

#include "base/memory.h"

#include <string.h>

enum { MAX_VARINT_BYTES = 10, FIELD_BITS = 3, SEVEN = 0x7f, MORE = 0x80 };

/* ---- writing */

void tw_message_free(tw_message *message)
{
    tw_free(message->bytes);
    *message = (tw_message){0};
}

static void add(tw_message *message, const void *data, size_t n)
{
    size_t needed, capacity = message->capacity;
    uint8_t *grown;

    if (message->failed || n == 0)
        return;
    if (!tw_add_size(&needed, message->n, n)) {
        message->failed = true;
        return;
    }
    if (needed > capacity) {
        capacity = needed + needed / 2 + 64;
        if (!(grown = tw_realloc(message->bytes, capacity))) {
            message->failed = true;
            return;
        }
        message->bytes = grown;
        message->capacity = capacity;
    }
    memcpy(message->bytes + message->n, data, n);
    message->n = needed;
}

static size_t fill_varint(uint8_t out[MAX_VARINT_BYTES], uint64_t value)
{
    size_t n = 0;

    for (; value > SEVEN; value >>= 7)
        out[n++] = (uint8_t)(value | MORE);
    out[n++] = (uint8_t)value;
    return n;
}

static void add_varint(tw_message *message, uint64_t value)
{
    uint8_t bytes[MAX_VARINT_BYTES];

    add(message, bytes, fill_varint(bytes, value));
}

static uint64_t tag_of(int field, tw_wire wire)
{
    return (uint64_t)field << FIELD_BITS | (uint64_t)wire;
}

void tw_message_add_int(tw_message *message, int field, int64_t value)
{
    add_varint(message, tag_of(field, TW_WIRE_VARINT));
    add_varint(message, (uint64_t)value);
}

void tw_message_add_header(tw_message *message, int field, size_t n)
{
    add_varint(message, tag_of(field, TW_WIRE_BYTES));
    add_varint(message, n);
}

void tw_message_add_bytes(tw_message *message, int field, const void *data, size_t n)
{
    tw_message_add_header(message, field, n);
    add(message, data, n);
}

void tw_message_add_text(tw_message *message, int field, const char *text)
{
    tw_message_add_bytes(message, field, text, strlen(text));
}

void tw_message_add_message(tw_message *message, int field, tw_message *inner)
{
    message->failed |= inner->failed;
    tw_message_add_bytes(message, field, inner->bytes, inner->n);
    tw_message_free(inner);
}

void tw_message_append(tw_message *message, tw_message *more)
{
    message->failed |= more->failed;
    add(message, more->bytes, more->n);
    tw_message_free(more);
}

/* ---- reading */

static bool read_varint(uint64_t *out, tw_message_reader *reader)
{
    *out = 0;
    for (int i = 0; i < MAX_VARINT_BYTES && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        if (i == MAX_VARINT_BYTES - 1 && byte > 1)
            return false; /* more than 64 bits */
        *out |= (uint64_t)(byte & SEVEN) << (7 * i);
        if (!(byte & MORE))
            return true;
    }
    return false;
}

/* n bytes at the reader's place, which moves behind them. */
static bool take(tw_message_field *out, tw_message_reader *reader, uint64_t n)
{
    if (n > (uint64_t)(reader->end - reader->at))
        return false;
    out->data = reader->at;
    out->n = (size_t)n;
    reader->at += n;
    return true;
}

static bool read_value(tw_message_field *out, tw_message_reader *reader)
{
    uint64_t n;

    switch (out->wire) {
    case TW_WIRE_VARINT:
        return read_varint(&out->value, reader);
    case TW_WIRE_64:
        return take(out, reader, 8);
    case TW_WIRE_32:
        return take(out, reader, 4);
    case TW_WIRE_BYTES:
        return read_varint(&n, reader) && take(out, reader, n);
    }
    return false; /* groups, and wire types that do not exist */
}

int tw_message_next(tw_message_field *out, tw_message_reader *reader)
{
    const uint8_t *begin = reader->at;
    uint64_t tag;

    *out = (tw_message_field){0};
    if (reader->at == reader->end)
        return 0;
    if (read_varint(&tag, reader)) {
        out->number = tag >> FIELD_BITS;
        out->wire = (tw_wire)(tag & 7);
        if (out->number > 0 && out->number < UINT64_C(1) << 29 && read_value(out, reader))
            return 1;
    }
    reader->at = begin;
    return -1;
}
