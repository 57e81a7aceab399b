/* ONNX: as weights, with the layout that its metadata states, and as a model. */
#include "weight_bytes.h"

#include <tw/model.h>

static void open_model(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    tw_model *model;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    if (!(rc = tw_model_open(&model, path, NULL, NULL, 0, &err)))
        rc = tw_model_check_weights(model, &err);
    tw_model_free(model);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_weight_bytes(data, n);
    open_model(data, n);
    return 0;
}
