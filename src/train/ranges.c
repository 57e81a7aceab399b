/* The ranges of int8: found on training pictures, spread evenly over all of them. */
#include "train/train_int.h"

#include <string.h>

enum { PICTURES = 32 /* whole pieces; fewer pictures come more than once */ };

static tw_status read_picture(void *ctx, int64_t row, float *out, tw_error *err)
{
    const tw_training *training = ctx;
    const int64_t sample = training->train[row * training->n_train / PICTURES];
    tw_picture picture = {0};
    const tw_contract *contract = &training->base->contract;
    tw_status rc = tw_dataset_read_for(&picture, training->data, sample, contract, err);

    if (!rc)
        rc = tw_contract_apply(out, contract, &picture, err);
    tw_picture_free(&picture);
    return rc;
}

tw_status tw_train__find_ranges(tw_training *training, tw_error *err)
{
    tw_status rc = TW_OK;
    const tw_graph *base = training->base->graph;

    tw_calibration_forget(training->base->graph);
    if (training->trunk.precision == TW_PRECISION_INT8 && training->boundary > 0)
        rc = tw_find_ranges(training->base, training->boundary, &training->trunk, PICTURES,
                            read_picture, training, err);
    for (int i = 0; i < base->n; i++)
        memcpy(training->graph->nodes[i].range, base->nodes[i].range, sizeof base->nodes[i].range);
    return rc;
}
