/* Messages: what is written is what the encoding says, and what is broken is told. */
#include "format/protobuf.h"

#include "check.h"

static void messages_are_encoded(void **state)
{
    static const uint8_t wanted[] = {
        0x08, 0x96, 0x01, /* field 1: 150, the encoding's own example */
        0x12, 0x07, 't',  'e',  's',  't',  'i',  'n',  'g',              /* field 2: "testing" */
        0x1a, 0x03, 0x08, 0x96, 0x01,                                     /* field 3: a message */
        0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, /* -1 */
        0xa2, 0x01, 0x80, 0x01, /* field 20: header of 128 bytes */
    };
    tw_message message = {0}, inner = {0}, more = {0};

    (void)state;
    tw_message_add_int(&message, 1, 150);
    tw_message_add_text(&message, 2, "testing");
    tw_message_add_int(&inner, 1, 150);
    tw_message_add_message(&message, 3, &inner);
    tw_message_add_int(&more, 1, -1);
    tw_message_append(&message, &more);
    tw_message_add_header(&message, 20, 128);
    assert_false(message.failed);
    assert_int_equal(message.n, sizeof wanted);
    assert_memory_equal(message.bytes, wanted, sizeof wanted);
    assert_null(inner.bytes);
    assert_null(more.bytes);
    tw_message_free(&message);
}

static void fields_come_back(void **state)
{
    static const uint8_t bytes[] = {0x08, 0x96, 0x01, 0x12, 0x01, 'x', 0x1d, 1, 2, 3,
                                    4,    0x21, 1,    2,    3,    4,   5,    6, 7, 8};
    tw_message_reader reader = {bytes, bytes + sizeof bytes};
    tw_message_field field;

    (void)state;
    assert_int_equal(tw_message_next(&field, &reader), 1);
    assert_true(field.number == 1 && field.wire == TW_WIRE_VARINT && field.value == 150);
    assert_int_equal(tw_message_next(&field, &reader), 1);
    assert_true(field.number == 2 && field.n == 1 && field.data[0] == 'x');
    assert_int_equal(tw_message_next(&field, &reader), 1);
    assert_true(field.number == 3 && field.wire == TW_WIRE_32 && field.n == 4);
    assert_int_equal(tw_message_next(&field, &reader), 1);
    assert_true(field.number == 4 && field.wire == TW_WIRE_64 && field.n == 8);
    assert_int_equal(tw_message_next(&field, &reader), 0);
}

static void broken_fields_are_told(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t n;
    } rows[] = {
        {{0x80}, 1},                                                       /* half a tag */
        {{0x00, 0x01}, 2},                                                 /* field 0 */
        {{0x08}, 1},                                                       /* no value */
        {{0x08, 0x80}, 2},                                                 /* half a value */
        {{0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0x02}, 11},   /* 65 bits */
        {{0x08, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1}, 12}, /* 11 bytes */
        {{0x0b}, 1},                                                       /* a group */
        {{0x0e, 0}, 2},                                                    /* wire type 6 */
        {{0x0f, 0}, 2},                                                    /* wire type 7 */
        {{0x0a, 0x02, 'x'}, 3},                                            /* too long */
        {{0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0x01}, 11},   /* 2^64 - 1 bytes */
        {{0x09, 1, 2, 3, 4, 5, 6, 7}, 8},                                  /* 7 of 8 bytes */
        {{0x0d, 1, 2, 3}, 4},                                              /* 3 of 4 bytes */
        {{0xf8, 255, 255, 255, 255, 0x0f, 0}, 7},                          /* field over 2^29 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_message_reader reader = {rows[i].bytes, rows[i].bytes + rows[i].n};
        tw_message_field field;
        assert_int_equal(tw_message_next(&field, &reader), -1);
        assert_ptr_equal(reader.at, rows[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_encoded),
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(broken_fields_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
