/*
 * What precision auto becomes: the one that this CPU computes fastest in, where the features of the
 * first training pictures stay within a bound of those in float32; else fp32. It depends on the
 * CPU, the weights and the pictures, never on a time that was measured (docs/precision.md).
 *
 * In bf16 the layer that learns from the features may multiply bf16, too: where that is faster, it
 * is fully connected, and the optimizer is none that searches along a line, to which rounded
 * weights would look like steps. Then features are kept as bf16 unless the options say otherwise.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <math.h>

enum { PICTURES = 16 };
static const double most_error = 0.02; /* of the norm of the features */

/* Sample -> picture -> input tensor, on the worker that needs it. */
static tw_status make_input(void *ctx, int64_t row, float *out, tw_error *err)
{
    const tw_training *training = ctx;
    tw_picture picture = {0};
    const tw_contract *contract = &training->base->contract;
    tw_status rc =
        tw_dataset_read_for(&picture, training->data, training->train[row], contract, err);

    if (!rc)
        rc = tw_contract_apply(out, contract, &picture, err);
    tw_picture_free(&picture);
    return rc;
}

static tw_status make_features(float *out, tw_training *training, int64_t n, tw_precision precision,
                               tw_error *err)
{
    const tw_computer *computer = &training->computer;
    tw_chain *chain;
    tw_status rc = tw_chain_create(&chain, training->base, 0, training->boundary, computer->backend,
                                   precision, computer->n_threads, computer->memory_limit, err);

    if (rc)
        return rc;
    rc = tw_chain_run(chain, NULL, n, out, make_input, training, err);
    tw_chain_free(chain);
    return rc;
}

/* Norm of the difference over the norm of the truth; 0 where both are zero. */
static double relative_error(const float *numbers, const float *truth, int64_t n)
{
    double difference = 0.0, norm = 0.0;

    for (int64_t i = 0; i < n; i++) {
        const double d = (double)numbers[i] - (double)truth[i];
        difference += d * d;
        norm += (double)truth[i] * (double)truth[i];
    }
    return difference == 0.0 ? 0.0 : sqrt(difference / norm);
}

/* Of the features of the first n training pictures. */
static tw_status measure_error(double *out, tw_training *training, int64_t n,
                               tw_precision precision, tw_error *err)
{
    const int64_t size = tw_shape_size(&training->base->graph->nodes[training->boundary].out);
    float *truth = NULL, *numbers = NULL;
    tw_status rc;

    if (!(truth = tw_alloc_f32(n * size)) || !(numbers = tw_alloc_f32(n * size))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the features of %lld pictures", (long long)n);
        goto done;
    }
    if ((rc = make_features(truth, training, n, TW_PRECISION_FP32, err)) ||
        (rc = make_features(numbers, training, n, precision, err)))
        goto done;
    *out = relative_error(numbers, truth, n * size);
done:
    tw_free(truth);
    tw_free(numbers);
    return rc;
}

static tw_status choose(tw_precision *out, tw_training *training, tw_error *err)
{
    const tw_backend *backend = training->computer.backend;
    const tw_precision fastest = backend->table->fastest(backend);
    const int64_t n = training->n_train < PICTURES ? training->n_train : PICTURES;
    double error = 0.0;
    tw_status rc;

    *out = TW_PRECISION_FP32;
    if (training->boundary == 0) {
        tw_text_add(&training->chosen, "auto: no layer is frozen");
        return TW_OK;
    }
    if (fastest == TW_PRECISION_FP32) {
        tw_text_add(&training->chosen, "auto: none is faster here");
        return TW_OK;
    }
    if ((rc = measure_error(&error, training, n, fastest, err)))
        return rc;
    if (error <= most_error)
        *out = fastest;
    tw_text_add(&training->chosen,
                "auto: %s changes features of %lld pictures by %.2f %%, %g %% may be",
                tw_precision_name(fastest), (long long)n, 100.0 * error, 100.0 * most_error);
    return TW_OK;
}

tw_status tw_train__settle_precision(tw_training *training, tw_error *err)
{
    tw_config *config = training->config;
    tw_precision precision;
    tw_status rc;

    if (!tw_train__is(config, TW_OPTION_PRECISION, tw_precision_name(TW_PRECISION_AUTO)))
        return TW_OK;
    if ((rc = choose(&precision, training, err)) ||
        (rc = tw_config_set(config, "precision", tw_precision_name(precision),
                            tw_train__rank(config, TW_OPTION_PRECISION), err)) ||
        (rc = tw_computer_set_precision(&training->computer, precision, err)))
        return rc;
    training->trunk = training->computer;
    return TW_OK;
}

/* ---- the layer that learns from the features */

/* Does a fully connected layer read them, as they are or flattened? */
static bool is_dense(const tw_graph *suffix)
{
    int node = 1;

    while (node < suffix->n - 1 && suffix->nodes[node].op == TW_OP_FLATTEN)
        node++;
    return suffix->nodes[node].op == TW_OP_DENSE && suffix->nodes[node].inputs[0] == node - 1;
}

tw_status tw_train__settle_rows(tw_training *training, tw_error *err)
{
    tw_config *config = training->config;
    tw_status rc;

    if (training->trunk.precision != TW_PRECISION_BF16 || training->boundary == 0 ||
        !training->computer.backend->trains_bf16 || tw_train__is_full_batch(config) ||
        !is_dense(training->suffix))
        return TW_OK;
    if (tw_train__rank(config, TW_OPTION_CACHE_DTYPE) == TW_FROM_DEFAULT &&
        (rc = tw_train__settle(config, TW_OPTION_CACHE_DTYPE, "bf16", err)))
        return rc;
    training->is_bf16 = tw_train__is(config, TW_OPTION_CACHE_DTYPE, "bf16");
    return TW_OK;
}
