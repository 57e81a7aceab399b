/*
 * What all files of records share once they are open: record sizes, reading by position, closing.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"
#include "tensor/tensor.h"

#include <assert.h>
#include <string.h>

bool tw_format__array_sizes(tw_array_file *array, int64_t *n_bytes)
{
    int64_t n = (int64_t)tw_dtype_size(array->dtype);

    for (int d = 1; d < array->shape.rank; d++)
        if (!tw_mul_i64(&n, n, array->shape.dims[d]))
            return false;
    array->record_bytes = n;
    return tw_mul_i64(n_bytes, n, array->shape.dims[0]);
}

tw_status tw_array_read(const tw_array_file *array, void *out, int64_t first, int64_t n,
                        tw_error *err)
{
    const tw_file *file = array->later ? tw_format__later_spool(array->later) : &array->file;
    const tw_status rc = tw_array_load(array, err);

    assert(first >= 0 && n >= 0 && n <= array->shape.dims[0] - first);
    if (rc)
        return rc;
    return tw_file_pread(file, out, (size_t)(n * array->record_bytes),
                         array->data_offset + first * array->record_bytes, err);
}

void tw_array_file_close(tw_array_file *array)
{
    if (!array)
        return;
    tw_format__later_free(array->later);
    tw_file_close(&array->file);
    tw_free(array->name);
    memset(array, 0, sizeof *array);
}
