/*
 * What is demanded of numbers before they are used: that they are there, finite, and not a kernel
 * of zeros only, which is what a download cut short and filled up looks like. And their hash.
 *
 * All of it reads windows and gives mapped pages back, so peak memory does not grow with the file.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <string.h>

enum { WINDOW = 1 << 20, PIECE = 4096 }; /* numbers */

tw_status tw_model__scan(const tw_param *param, tw_model__visit visit, void *ctx, tw_error *err)
{
    const int64_t n_all = tw_shape_size(&param->shape);
    const char *bytes = (const char *)param->view;
    tw_status rc = TW_OK;

    for (int64_t first = 0; rc == TW_OK && first < n_all; first += WINDOW) {
        int64_t n = n_all - first < WINDOW ? n_all - first : WINDOW;
        const char *window = bytes + first * (int64_t)sizeof(float);

        rc = visit(ctx, window, first, n, err);
        if (param->mapped)
            tw_map_release(window, (size_t)n * sizeof(float));
    }
    return rc;
}

/* ---- finite, and not all zero */

typedef struct health {
    int64_t first_bad; /* -1: none */
    uint32_t any_bits;
} health;

static bool is_bad(uint32_t bits)
{
    return (bits & 0x7f800000u) == 0x7f800000u;
}

static tw_status look(void *ctx, const void *bytes, int64_t first, int64_t n, tw_error *err)
{
    health *it = ctx;
    uint32_t piece[PIECE];

    (void)err;
    for (int64_t at = 0; at < n && it->first_bad < 0; at += PIECE) {
        int64_t n_piece = n - at < PIECE ? n - at : PIECE;
        uint32_t any_bits = 0;
        int n_bad = 0;

        memcpy(piece, (const char *)bytes + at * (int64_t)sizeof *piece,
               (size_t)n_piece * sizeof *piece);
        for (int64_t i = 0; i < n_piece; i++) {
            n_bad += is_bad(piece[i]);
            any_bits |= piece[i];
        }
        it->any_bits |= any_bits;
        for (int64_t i = 0; n_bad && it->first_bad < 0 && i < n_piece; i++)
            if (is_bad(piece[i]))
                it->first_bad = first + at + i;
    }
    return TW_OK;
}

static bool is_all_zero(const health *it)
{
    return !(it->any_bits & 0x7fffffffu); /* minus zero is a zero */
}

static tw_status check_param(const tw_model *model, int node, int slot, tw_error *err)
{
    const char *layer = model->graph->nodes[node].name;
    const tw_param *param = &model->params[node][slot];
    health it = {.first_bad = -1};
    tw_status rc = tw_model__scan(param, look, &it, err);

    if (rc != TW_OK)
        return rc;
    if (it.first_bad >= 0)
        return tw_fail(err, TW_EFILE, "%s: %s/%s: number %lld is not finite",
                       tw_model__source(model), layer, tw_param_names[slot],
                       (long long)it.first_bad);
    if (slot == 0 && is_all_zero(&it))
        return tw_fail(err, TW_EFILE, "%s: %s/%s: every number is zero", tw_model__source(model),
                       layer, tw_param_names[slot]);
    return TW_OK;
}

tw_status tw_model_check_node(const tw_model *model, int node, tw_error *err)
{
    tw_shape shapes[2];
    int n = tw_node_params(model->graph, node, shapes);
    tw_status rc = TW_OK;

    for (int slot = 0; rc == TW_OK && slot < n; slot++)
        if (model->params[node][slot].view)
            rc = check_param(model, node, slot, err);
    return rc;
}

/* ---- present */

static bool is_bound(const tw_model *model, int node)
{
    tw_shape shapes[2];
    int n = tw_node_params(model->graph, node, shapes);

    for (int slot = 0; slot < n; slot++)
        if (!model->params[node][slot].view)
            return false;
    return true;
}

tw_status tw_model_require(const tw_model *model, int last, tw_error *err)
{
    tw_status rc = TW_OK;
    tw_text lacking = {0};

    for (int i = 0; i <= last; i++)
        if (!is_bound(model, i))
            tw_text_add(&lacking, "%s%s", lacking.n ? ", " : "", model->graph->nodes[i].name);
    if (lacking.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory to name the layers without weights");
    else if (lacking.n)
        rc = tw_fail(err, TW_EFILE, "%.100s: no weights for %s", tw_model__source(model),
                     lacking.text);
    tw_text_free(&lacking);
    return rc;
}

/* ---- hash */

static tw_status add_numbers(void *ctx, const void *bytes, int64_t first, int64_t n, tw_error *err)
{
    (void)first;
    (void)err;
    tw_sha256_add(ctx, bytes, (size_t)n * sizeof(float));
    return TW_OK;
}

static tw_status add_node(tw_sha256 *hash, tw_text *line, const tw_model *model, int node,
                          tw_error *err)
{
    tw_shape shapes[2];
    int n = tw_node_params(model->graph, node, shapes);
    tw_status rc = TW_OK;
    char text[96];

    for (int slot = 0; slot < n && !rc; slot++) {
        line->n = 0;
        tw_text_add(line, "%s/%s %s\n", model->graph->nodes[node].name, tw_param_names[slot],
                    tw_shape_text(text, sizeof text, &shapes[slot]));
        if (line->failed)
            return tw_fail(err, TW_ENOMEM, "no memory to hash parameters");
        tw_sha256_add(hash, line->text, line->n);
        rc = tw_model__scan(&model->params[node][slot], add_numbers, hash, err);
    }
    return rc;
}

static tw_status hash_nodes(char hex[65], const tw_model *model, int first, int last, tw_error *err)
{
    tw_status rc;
    tw_sha256 *hash = NULL;
    tw_text line = {0};

    if ((rc = tw_sha256_create(&hash, err)) != TW_OK)
        return rc;
    for (int i = first; i <= last && rc == TW_OK; i++)
        rc = add_node(hash, &line, model, i, err);
    if (rc == TW_OK)
        tw_sha256_finish(hash, hex);
    tw_text_free(&line);
    tw_sha256_free(hash);
    return rc;
}

tw_status tw_model_hash(char hex[65], const tw_model *model, int last, tw_error *err)
{
    tw_status rc = tw_model_require(model, last, err);

    return rc == TW_OK ? hash_nodes(hex, model, 0, last, err) : rc;
}

tw_status tw_model_hash_node(char hex[65], const tw_model *model, int node, tw_error *err)
{
    return hash_nodes(hex, model, node, node, err);
}

/* ---- all at once */

/* The hash that the writer left in a model file, over all of its layers. */
static tw_status check_hash(const tw_model *model, tw_error *err)
{
    char hex[65];
    tw_status rc;

    if (!model->sha256[0])
        return TW_OK;
    if ((rc = tw_model_hash(hex, model, model->graph->n - 1, err)) != TW_OK)
        return rc;
    if (strcmp(hex, model->sha256) != 0)
        return tw_fail(err, TW_EFILE,
                       "%s: parameters have SHA-256 %.16s..., the file says %.16s...",
                       tw_model__source(model), hex, model->sha256);
    return TW_OK;
}

tw_status tw_model_check_weights(const tw_model *model, tw_error *err)
{
    tw_shape shapes[2];
    tw_status rc = TW_OK;
    bool any = false;

    for (int i = 0; i < model->graph->n; i++)
        any |= tw_node_params(model->graph, i, shapes) && is_bound(model, i);
    if (!any)
        return tw_model_require(model, model->graph->n - 1, err);
    for (int i = 0; rc == TW_OK && i < model->graph->n; i++)
        rc = tw_model_check_node(model, i, err);
    return rc == TW_OK ? check_hash(model, err) : rc;
}
