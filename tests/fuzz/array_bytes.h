/* The records of an open array file, read to the end; for targets of record formats. */
#ifndef TW_TESTS_FUZZ_ARRAY_BYTES_H
#define TW_TESTS_FUZZ_ARRAY_BYTES_H

#include "fuzz.h"

#include "format/arrays.h"

#include <stdlib.h>

/* Reads what fits into a window, record by record, and closes the file. */
static inline tw_status fuzz_array_records(tw_array_file *array, tw_error *err)
{
    enum { WINDOW = 1 << 20, MOST = 1000 };
    uint8_t *window = malloc(WINDOW);
    tw_status rc = TW_OK;

    if (array->record_bytes <= WINDOW)
        for (int64_t i = 0; !rc && i < array->shape.dims[0] && i < MOST; i++) {
            rc = tw_array_read(array, window, i, 1, err);
            fuzz_touch(window, rc ? 0 : (size_t)array->record_bytes);
        }
    free(window);
    tw_array_file_close(array);
    return rc;
}

#endif
