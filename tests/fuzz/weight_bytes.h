/* A weight file from memory, opened, read and closed; for targets of weight formats. */
#ifndef TW_TESTS_FUZZ_WEIGHT_BYTES_H
#define TW_TESTS_FUZZ_WEIGHT_BYTES_H

#include "fuzz.h"

#include "format/weights.h"
#include "tensor/tensor.h"

#include <string.h>

/* Names and numbers of whatever opens are there. */
static inline int fuzz_weight_bytes(const uint8_t *data, size_t n)
{
    tw_weight_file file;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    rc = tw_weight_file_borrow(&file, data, n, "input", &err);
    for (int i = 0; !rc && i < file.n_tensors; i++) {
        const tw_named_tensor *t = &file.tensors[i];

        fuzz_touch(t->name, strlen(t->name));
        fuzz_touch(t->layer, strlen(t->layer));
        fuzz_touch(t->tensor.data,
                   (size_t)tw_shape_size(&t->tensor.shape) * tw_dtype_size(t->tensor.dtype));
    }
    tw_weight_file_close(&file);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, "input");
    return 0;
}

#endif
