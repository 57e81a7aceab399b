/*
 * What a run is of: configuration, pictures with their labels, weights, numerics. A checkpoint
 * keeps it, and whoever goes on from that checkpoint compares. A difference that would change the
 * result is refused with its name; other numerics are only said, since the run goes on soundly.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- hashes */

typedef struct row {
    tw_hash128 key;
    int64_t label;
} row;

static tw_status fill_rows(row *rows, const tw_dataset *data, const int64_t *samples, int64_t n,
                           const int *labels, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int64_t i = 0; i < n && !rc; i++) {
        rc = tw_dataset_key(&rows[i].key, data, samples[i], err);
        rows[i].label = labels[samples[i]];
    }
    return rc;
}

/* Every picture with its class, training ones first, and the names of the classes. */
static tw_status hash_data(char hex[33], const tw_training *training, tw_error *err)
{
    const tw_dataset *val = training->val_data ? training->val_data : training->data;
    const int *labels = tw_dataset_labels(training->data);
    const int64_t n = training->n_train + training->n_val;
    row *rows = tw_calloc((size_t)n, sizeof *rows);
    tw_hash128 hash;
    tw_status rc;

    if (!rows)
        return tw_fail(err, TW_ENOMEM, "no memory for the keys of %lld pictures", (long long)n);
    if (!(rc = fill_rows(rows, training->data, training->train, training->n_train, labels, err)))
        rc = fill_rows(rows + training->n_train, val, training->val, training->n_val,
                       training->val_labels ? training->val_labels : labels, err);
    hash = tw_hash128_of(rows, (size_t)n * sizeof *rows, (uint64_t)training->n_train);
    for (int c = 0; c < tw_dataset_class_count(training->data); c++) {
        const char *name = tw_dataset_class_name(training->data, c);
        hash.low ^= tw_hash128_of(name, strlen(name), hash.high + (uint64_t)c).low;
    }
    snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    tw_free(rows);
    return rc;
}

/* Of all the network's layers that came with weights. */
static tw_status hash_weights(char hex[33], const tw_training *training, tw_error *err)
{
    const tw_model *base = training->base;
    tw_hash128 hash = {0, 0};
    char own[65];
    tw_status rc;

    for (int i = 0; i < base->graph->n; i++) {
        if (!base->params[i][0].view)
            continue;
        if (training->hashes && training->hashes[i][0])
            memcpy(own, training->hashes[i], sizeof own);
        else if ((rc = tw_model_hash_node(own, base, i, err)))
            return rc;
        hash = tw_hash128_of(own, sizeof own, hash.low ^ hash.high);
    }
    snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    return TW_OK;
}

/* How this machine computes the run. */
static void describe_numerics(char text[320], const tw_training *training)
{
    snprintf(text, 320, "%s%s", training->computer.backend->numerics,
             training->is_bf16 ? " top=bf16" : "");
}

tw_status tw_train__identity(tw_json **out, const tw_training *training, tw_error *err)
{
    tw_status rc;
    char data[33], weights[33], numerics[320];
    tw_json *json;
    bool ok;

    *out = NULL;
    if ((rc = hash_data(data, training, err)) || (rc = hash_weights(weights, training, err)))
        return rc;
    describe_numerics(numerics, training);
    json = tw_json_new_object();
    ok = tw_json_set(json, "config",
                     tw_train__config_json(training->config, training->val_data != NULL));
    ok &= tw_json_set(json, "data", tw_json_new_string(data));
    ok &= tw_json_set(json, "training_pictures", tw_json_new_i64(training->n_train));
    ok &= tw_json_set(json, "validation_pictures", tw_json_new_i64(training->n_val));
    ok &= tw_json_set(json, "weights", tw_json_new_string(weights));
    ok &= tw_json_set(json, "numerics", tw_json_new_string(numerics));
    if (ok) {
        *out = json;
        return TW_OK;
    }
    tw_json_free(json);
    return tw_fail(err, TW_ENOMEM, "no memory to say what the run is of");
}

/* ---- comparing */

/* Options that may differ: they change how fast, not what. */
static const char *const free_options[] = {"threads",      "memory-limit",     "cache", "cache-dir",
                                           "cache-budget", "checkpoint-every", "data",  "isa",
                                           "backend",      "weights"};

/* Their effect is compared by other means, or allowed; epochs may become more, as they do in a run
 * that is extended. */
int tw_config_may_change(const char *name)
{
    for (size_t i = 0; i < sizeof free_options / sizeof *free_options; i++)
        if (!strcmp(free_options[i], name))
            return 1;
    return !strcmp(name, "epochs");
}

static bool may_differ(const char *key, const tw_json *then, const tw_json *now)
{
    int64_t a, b;

    if (!strcmp(key, "epochs"))
        return tw_json_i64(&a, tw_json_get(then, key)) && tw_json_i64(&b, tw_json_get(now, key)) &&
               b >= a;
    return tw_config_may_change(key);
}

static bool is_same(const tw_json *a, const tw_json *b)
{
    char *x = a ? tw_json_dump(a, 0) : NULL, *y = b ? tw_json_dump(b, 0) : NULL;
    bool same = (!x && !y) || (x && y && !strcmp(x, y));

    tw_free(x);
    tw_free(y);
    return same;
}

/* Names of the options that are not what they were, in the order of `a`; with only_new those that
 * `other` lacks. */
static void name_changes(tw_text *names, const tw_json *a, const tw_json *other, bool only_new)
{
    const char *key;
    const tw_json *item;

    for (void *it = tw_json_next(a, NULL, &key, &item); it; it = tw_json_next(a, it, &key, &item)) {
        const tw_json *value = tw_json_get(other, key);

        if (may_differ(key, a, other) || (only_new ? value != NULL : is_same(item, value)))
            continue;
        tw_text_add(names, "%s%s", names->n ? ", " : "", key);
    }
}

static tw_status compare_config(const tw_json *then, const tw_json *now, const char *run,
                                tw_error *err)
{
    tw_status rc = TW_OK;
    tw_text names = {0};

    name_changes(&names, tw_json_get(then, "config"), tw_json_get(now, "config"), false);
    name_changes(&names, tw_json_get(now, "config"), tw_json_get(then, "config"), true);
    if (names.n)
        rc = tw_fail(err, TW_EFILE,
                     "%s: config.json has changed since the checkpoint was written: %s", run,
                     names.failed ? "?" : names.text);
    tw_text_free(&names);
    return rc;
}

static int64_t count_of(const tw_json *identity, const char *key)
{
    int64_t n;

    return tw_json_i64(&n, tw_json_get(identity, key)) ? n : -1;
}

static tw_status compare_data(const tw_json *then, const tw_json *now, const tw_training *training,
                              tw_error *err)
{
    const char *path = tw_train__text(training->config, TW_OPTION_DATA);
    int64_t train = count_of(then, "training_pictures"),
            val = count_of(then, "validation_pictures");

    if (train != training->n_train || val != training->n_val)
        return tw_fail(err, TW_EFILE,
                       "%s: has changed since the checkpoint was written: %lld training and %lld "
                       "validation pictures then, %lld and %lld now",
                       path, (long long)train, (long long)val, (long long)training->n_train,
                       (long long)training->n_val);
    if (!is_same(tw_json_get(then, "data"), tw_json_get(now, "data")))
        return tw_fail(err, TW_EFILE,
                       "%s: pictures or labels have changed since the checkpoint was written",
                       path);
    return TW_OK;
}

tw_status tw_train__identity_compare(const tw_json *then, const tw_json *now,
                                     const tw_training *training, const tw_watch *watch,
                                     tw_error *err)
{
    const char *run = tw_train__text(training->config, TW_OPTION_OUTPUT), *numerics;
    const char *weights = tw_train__text(training->config, TW_OPTION_WEIGHTS);
    char own[320];
    tw_status rc;

    describe_numerics(own, training);
    if ((rc = compare_config(then, now, run, err)) || (rc = compare_data(then, now, training, err)))
        return rc;
    if (!is_same(tw_json_get(then, "weights"), tw_json_get(now, "weights")))
        return tw_fail(err, TW_EFILE,
                       "%s: the weights have changed since the checkpoint was written",
                       weights ? weights : tw_train__text(training->config, TW_OPTION_MODEL));
    if (!is_same(tw_json_get(then, "numerics"), tw_json_get(now, "numerics")) &&
        tw_json_string(&numerics, tw_json_get(then, "numerics")))
        tw_watch_note(watch,
                      "the checkpoint was computed by %s, this is %s: the run goes on, its last "
                      "digits will differ from an uninterrupted one's",
                      numerics, own);
    return TW_OK;
}
