/*
 * Protocol buffers, as much of them as ONNX needs: messages are built in memory and nested, large
 * bytes are left to whoever streams them; reading walks the fields of one message inside its bounds
 * and allocates nothing. Source: protobuf.dev, Encoding.
 */
#ifndef TW_FORMAT_PROTOBUF_H
#define TW_FORMAT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tw_wire {
    TW_WIRE_VARINT = 0,
    TW_WIRE_64 = 1,
    TW_WIRE_BYTES = 2,
    TW_WIRE_32 = 5
} tw_wire;

/* ---- writing */

/* A growing message. Zero-fill to start; `failed` stays set after the first failed allocation, so a
 * writer checks once at the end. Free with tw_message_free. */
typedef struct tw_message {
    uint8_t *bytes;
    size_t n, capacity;
    bool failed;
} tw_message;

void tw_message_free(tw_message *message);
void tw_message_add_int(tw_message *message, int field, int64_t value);
void tw_message_add_bytes(tw_message *message, int field, const void *data, size_t n);
void tw_message_add_text(tw_message *message, int field, const char *text);
/* A nested message; frees it. */
void tw_message_add_message(tw_message *message, int field, tw_message *inner);
/* The fields of another message behind this one's; frees it. */
void tw_message_append(tw_message *message, tw_message *more);
/* Tag and length of a field whose n bytes follow from elsewhere. */
void tw_message_add_header(tw_message *message, int field, size_t n);

/* ---- reading */

typedef struct tw_message_reader {
    const uint8_t *at, *end;
} tw_message_reader;

/* One field: `value` of a number, the n bytes at `data` of bytes. */
typedef struct tw_message_field {
    uint64_t number;
    tw_wire wire;
    uint64_t value;
    const uint8_t *data;
    size_t n;
} tw_message_field;

/* The next field: 1, or 0 after the last, or -1 where the bytes are no message (at stays there). */
int tw_message_next(tw_message_field *out, tw_message_reader *reader);

#endif
