/*
 * The model file: a safetensors file whose tensors are "<layer>/<param>" and whose metadata says
 * the rest, each entry JSON text:
 *
 *     topwork     format version, 1          classes     names in order, [] for a trunk
 *     graph       the layers                 frozen      names of the frozen layers
 *     contract    how pictures go in         provenance  where the numbers came from
 *     sha256      of all parameters (tw_model_hash)
 *     calibration how sure it is, only where topwork calibrate has measured that
 *     precision   of the frozen layers, where it is not fp32
 *     known       what its pictures look like, where that was learned; known.c
 *
 * Files of other layouts carry the same metadata and "layout" (format/layout.h), which the format
 * room has undone before anything is read here.
 *
 * The reader checks all of it and believes none of it; parameters stay mapped.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/hash.h"
#include "base/memory.h"
#include "format/safetensors.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1 };

/* Weight files up to this size are hashed into the provenance; larger ones would take seconds. */
enum { MAX_HASHED_BYTES = 128 << 20, HASH_WINDOW = 4 << 20 };

/* ---- writing */

static tw_json *classes_to_json(const tw_model *model)
{
    tw_json *array = tw_json_new_array();
    bool ok = array != NULL;

    for (int i = 0; ok && i < model->n_classes; i++)
        ok = tw_json_append(array, tw_json_new_string(model->classes[i]));
    if (ok)
        return array;
    tw_json_free(array);
    return NULL;
}

static tw_json *frozen_to_json(const tw_model *model)
{
    tw_json *array = tw_json_new_array();
    bool ok = array != NULL;

    for (int i = 0; ok && i < model->graph->n; i++)
        if (model->frozen[i])
            ok = tw_json_append(array, tw_json_new_string(model->graph->nodes[i].name));
    if (ok)
        return array;
    tw_json_free(array);
    return NULL;
}

/* metadata[key] = text of json. Takes json. */
static bool set_text(tw_json *metadata, const char *key, tw_json *json)
{
    char *text = json ? tw_json_dump(json, 0) : NULL;
    bool ok = text && tw_json_set(metadata, key, tw_json_new_string(text));

    tw_free(text);
    tw_json_free(json);
    return ok;
}

/* The provenance is borrowed, so it is dumped here. */
static bool set_provenance(tw_json *metadata, const tw_model *model, const char *trunk_hex)
{
    tw_json *provenance =
        model->provenance ? tw_json_copy(model->provenance) : tw_json_new_object();
    char *text = NULL;
    bool ok = provenance != NULL;

    if (ok && trunk_hex[0])
        ok = tw_json_set(provenance, "weights_sha256", tw_json_new_string(trunk_hex));
    ok = ok && (text = tw_json_dump(provenance, 0)) &&
         tw_json_set(metadata, "provenance", tw_json_new_string(text));
    tw_free(text);
    tw_json_free(provenance);
    return ok;
}

/* Of what computes in fp32 nothing is said. */
static bool set_precision(tw_json *metadata, const tw_model *model)
{
    return model->precision == TW_PRECISION_FP32 ||
           set_text(metadata, "precision", tw_json_new_string(tw_precision_name(model->precision)));
}

static tw_status hash_file(char hex[65], const tw_map *map, tw_error *err)
{
    tw_sha256 *hash;
    tw_status rc = tw_sha256_create(&hash, err);

    if (rc != TW_OK)
        return rc;
    for (size_t at = 0; at < map->size; at += HASH_WINDOW) {
        size_t n = map->size - at < HASH_WINDOW ? map->size - at : HASH_WINDOW;

        tw_sha256_add(hash, map->data + at, n);
        tw_map_release(map->data + at, n);
    }
    tw_sha256_finish(hash, hex);
    tw_sha256_free(hash);
    return TW_OK;
}

/* The trunk's file, unless it is too large or comes from a model file that says it already. */
static tw_status hash_trunk_file(char hex[65], const tw_model *model, tw_error *err)
{
    hex[0] = '\0';
    if (!model->trunk_file || model->trunk_file->size > MAX_HASHED_BYTES ||
        tw_json_get(model->provenance, "weights_sha256"))
        return TW_OK;
    return hash_file(hex, model->trunk_file, err);
}

tw_status tw_model_make_metadata(tw_json **out, const tw_model *model, tw_error *err)
{
    char hex[65], trunk_hex[65];
    tw_json *metadata;
    tw_status rc;

    *out = NULL;
    if ((rc = tw_model_hash(hex, model, model->graph->n - 1, err)) != TW_OK ||
        (rc = hash_trunk_file(trunk_hex, model, err)) != TW_OK)
        return rc;
    metadata = tw_json_new_object();
    if (set_text(metadata, "topwork", tw_json_new_i64(FORMAT_VERSION)) &&
        set_text(metadata, "graph", tw_graph_to_json(model->graph)) &&
        set_text(metadata, "contract", tw_contract_to_json(&model->contract)) &&
        set_text(metadata, "classes", classes_to_json(model)) &&
        set_text(metadata, "frozen", frozen_to_json(model)) &&
        set_provenance(metadata, model, trunk_hex) && set_precision(metadata, model) &&
        (model->temperature == 1.0 ||
         set_text(metadata, "calibration", tw_calibration_to_json(model))) &&
        set_text(metadata, "sha256", tw_json_new_string(hex))) {
        *out = metadata;
        return TW_OK;
    }
    tw_json_free(metadata);
    return tw_fail(err, TW_ENOMEM, "no memory for the header of a model file");
}

/* For the file alone that has the tensor, too. */
static tw_status add_known(tw_json *metadata, const tw_model *model, const char *path,
                           tw_error *err)
{
    if (!model->known.means || set_text(metadata, "known", tw_known_to_json(model)))
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
}

enum { ENTRY_NAME_SIZE = TW_NAME_SIZE + 8 };

static int fill_entries(tw_safetensors_entry *entries, char (*names)[ENTRY_NAME_SIZE],
                        const tw_model *model)
{
    tw_shape shapes[2];
    int n = 0;

    for (int i = 0; i < model->graph->n; i++) {
        int n_params = tw_node_params(model->graph, i, shapes);

        for (int slot = 0; slot < n_params; slot++, n++) {
            const tw_param *param = &model->params[i][slot];

            snprintf(names[n], ENTRY_NAME_SIZE, "%s/%s", model->graph->nodes[i].name,
                     tw_param_names[slot]);
            entries[n] = (tw_safetensors_entry){
                names[n], {param->view, TW_F32, param->shape}, param->mapped};
        }
    }
    if (model->known.means) {
        const int64_t dims[2] = {model->n_classes, model->known.n_channels};

        entries[n++] = (tw_safetensors_entry){
            TW_KNOWN_TENSOR, {model->known.means, TW_F32, tw_shape_make(2, dims)}, 0};
    }
    return n;
}

tw_status tw_model_write(const tw_model *model, const char *path, tw_error *err)
{
    const size_t n_most = (size_t)model->graph->n * 2 + 1;
    tw_status rc;
    tw_json *metadata = NULL;
    tw_safetensors_entry *entries = NULL;
    char(*names)[ENTRY_NAME_SIZE] = NULL;

    if ((rc = tw_model_make_metadata(&metadata, model, err)) != TW_OK)
        return rc;
    if ((rc = add_known(metadata, model, path, err)) != TW_OK)
        goto done;
    if (!(entries = tw_calloc(n_most, sizeof *entries)) ||
        !(names = tw_calloc(n_most, sizeof *names))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
        goto done;
    }
    rc = tw_safetensors_write(path, entries, fill_entries(entries, names, model), metadata, err);
done:
    tw_free(names);
    tw_free(entries);
    tw_json_free(metadata);
    return rc;
}

/* A stated layout has been undone in memory, not in the file. */
tw_status tw_model_check_own_file(const tw_model *model, tw_error *err)
{
    const char *path = tw_model__source(model);
    tw_json *metadata = NULL;
    tw_status rc = TW_OK;
    bool is_own = model->file.kind == TW_WEIGHTS_SAFETENSORS && model->file.metadata;

    if (is_own && !(rc = tw_json_parse(&metadata, model->file.metadata,
                                       strlen(model->file.metadata), path, err)))
        is_own = tw_json_get(metadata, "topwork") && !tw_json_get(metadata, "layout");
    tw_json_free(metadata);
    if (rc == TW_OK && !is_own)
        rc = tw_fail(err, TW_EUSAGE,
                     "%s: is an export; calibrate the model that it was made of, and export again",
                     path);
    return rc;
}

/* ---- reading */

/* What is read: the parsed __metadata__, the uncut graph in it, what sentences call the file. */
typedef struct reader {
    tw_json *metadata;
    tw_graph *whole;
    const char *path;
    tw_error *err;
} reader;

/* Parses the JSON text under `key`. Caller frees. */
static tw_status read_entry(tw_json **out, const reader *in, const char *key)
{
    const char *text;
    char name[160];

    *out = NULL;
    if (!tw_json_string(&text, tw_json_get(in->metadata, key)))
        return tw_fail(in->err, TW_EFILE, "%s: the metadata has no \"%s\"", in->path, key);
    snprintf(name, sizeof name, "%.120s: metadata \"%s\"", in->path, key);
    return tw_json_parse_small(out, text, strlen(text), name, in->err);
}

static tw_status check_version(const reader *in)
{
    tw_json *json;
    int64_t version = 0;
    bool is_number;
    tw_status rc;

    if (!tw_json_get(in->metadata, "topwork"))
        return tw_fail(in->err, TW_EFILE,
                       "%s: not a model file of topwork (weights without a graph: give a network's "
                       "name and this file as its weights)",
                       in->path);
    if ((rc = read_entry(&json, in, "topwork")) != TW_OK)
        return rc;
    is_number = tw_json_i64(&version, json);
    tw_json_free(json);
    if (!is_number || version != FORMAT_VERSION)
        return tw_fail(in->err, TW_EFILE, "%s: model format %lld is unknown, expected %d", in->path,
                       (long long)version, FORMAT_VERSION);
    return TW_OK;
}

static tw_status read_graph(reader *in)
{
    tw_json *json;
    tw_error why = {0};
    tw_status rc = read_entry(&json, in, "graph");

    if (rc != TW_OK)
        return rc;
    if ((rc = tw_graph_from_json(&in->whole, json, &why)) != TW_OK)
        tw_fail(in->err, rc, "%.200s: %s", in->path, why.text);
    tw_json_free(json);
    return rc;
}

static tw_status read_contract(tw_model *model, const reader *in)
{
    const tw_shape *input = &model->graph->nodes[0].out;
    const tw_contract *contract = &model->contract;
    tw_json *json;
    tw_status rc = read_entry(&json, in, "contract");
    char text[96];

    if (rc == TW_OK)
        rc = tw_contract_from_json(&model->contract, json, in->path, in->err);
    tw_json_free(json);
    if (rc != TW_OK)
        return rc;
    if (input->rank != 3 || input->dims[0] != contract->height ||
        input->dims[1] != contract->width || input->dims[2] != 3)
        return tw_fail(in->err, TW_EFILE, "%s: the contract makes %dx%dx3, the graph takes %s",
                       in->path, contract->height, contract->width,
                       tw_shape_text(text, sizeof text, input));
    return TW_OK;
}

/* names[i] = string i of an array that holds nothing else. */
static tw_status read_names(const reader *in, const tw_json *array, const char *key,
                            const char **names)
{
    if (!tw_json_is_array(array))
        return tw_fail(in->err, TW_EFILE, "%s: \"%s\" must be an array of strings", in->path, key);
    for (size_t i = 0; i < tw_json_count(array); i++)
        if (!tw_json_string(&names[i], tw_json_at(array, i)))
            return tw_fail(in->err, TW_EFILE, "%s: \"%s\" must be an array of strings", in->path,
                           key);
    return TW_OK;
}

/* An array of strings under `key`. The strings are json's; free both. */
static tw_status read_strings(const char ***names, size_t *n, tw_json **json, const reader *in,
                              const char *key)
{
    tw_status rc = read_entry(json, in, key);

    *names = NULL;
    *n = tw_json_count(*json);
    if (rc != TW_OK)
        return rc;
    if (!(*names = tw_calloc(*n + 1, sizeof **names)))
        return tw_fail(in->err, TW_ENOMEM, "no memory to read %s", in->path);
    return read_names(in, *json, key, *names);
}

/* Names of the classes; a graph that was cut before its output has none. */
static tw_status read_classes(tw_model *model, const reader *in)
{
    const tw_shape *output = tw_graph_output_shape(in->whole);
    tw_json *json = NULL;
    const char **names = NULL;
    size_t n;
    tw_status rc = read_strings(&names, &n, &json, in, "classes");

    if (rc == TW_OK && n > 0 && (output->rank != 1 || (size_t)output->dims[0] != n))
        rc = tw_fail(in->err, TW_EFILE, "%s: %zu classes are named, the graph ends in %lld",
                     in->path, n, (long long)output->dims[output->rank - 1]);
    if (rc == TW_OK && model->graph->n == in->whole->n && n > 0)
        rc = tw_model__copy_classes(model, (char *const *)(uintptr_t)names, (int)n, in->err);
    tw_free(names);
    tw_json_free(json);
    return rc;
}

static tw_status read_frozen(tw_model *model, const reader *in)
{
    tw_json *json = NULL;
    const char **names = NULL;
    size_t n;
    int node;
    tw_status rc = read_strings(&names, &n, &json, in, "frozen");

    for (int i = 0; i < model->graph->n; i++)
        model->frozen[i] = false;
    for (size_t i = 0; rc == TW_OK && i < n; i++) {
        node = tw_model__find_layer(in->whole, names[i]);
        if (node < 0)
            rc = tw_fail(in->err, TW_EFILE, "%s: \"frozen\" has an unknown layer \"%s\"", in->path,
                         names[i]);
        node = tw_model__find_layer(model->graph, names[i]);
        if (node >= 0)
            model->frozen[node] = true;
    }
    tw_free(names);
    tw_json_free(json);
    return rc;
}

static tw_status copy_text(char **out, const tw_json *object, const char *key, const reader *in)
{
    const char *text;

    if (!tw_json_string(&text, tw_json_get(object, key)))
        return TW_OK;
    if (!(*out = tw_strdup(text)))
        return tw_fail(in->err, TW_ENOMEM, "no memory to read %s", in->path);
    return TW_OK;
}

static tw_status read_provenance(tw_model *model, const reader *in)
{
    tw_status rc = read_entry(&model->provenance, in, "provenance");

    if (rc != TW_OK)
        return rc;
    if (!tw_json_is_object(model->provenance))
        return tw_fail(in->err, TW_EFILE, "%s: \"provenance\" must be an object", in->path);
    if ((rc = copy_text(&model->architecture, model->provenance, "architecture", in)) == TW_OK)
        rc = copy_text(&model->weights, model->provenance, "weights", in);
    return rc;
}

/* The stated hash holds for the whole, so a cut model forgets it. */
static tw_status read_hash(tw_model *model, const reader *in)
{
    tw_json *json;
    const char *hex;
    tw_status rc = read_entry(&json, in, "sha256");

    if (rc == TW_OK && (!tw_json_string(&hex, json) || strlen(hex) != sizeof model->sha256 - 1))
        rc = tw_fail(in->err, TW_EFILE, "%s: \"sha256\" must be a string of 64 hex digits",
                     in->path);
    else if (rc == TW_OK && model->graph->n == in->whole->n)
        snprintf(model->sha256, sizeof model->sha256, "%s", hex);
    tw_json_free(json);
    return rc;
}

/* Files that were never calibrated have no entry. It is of the classes, so a cut model forgets it.
 */
static tw_status read_calibration(tw_model *model, const reader *in)
{
    tw_json *json;
    double temperature;
    tw_status rc;

    if (!tw_json_get(in->metadata, "calibration"))
        return TW_OK;
    if ((rc = read_entry(&json, in, "calibration")) != TW_OK)
        return rc;
    rc = tw_calibration_from_json(&temperature, json, in->path, in->err);
    if (rc == TW_OK && model->graph->n == in->whole->n)
        model->temperature = temperature;
    tw_json_free(json);
    return rc;
}

/* The part of "known" that is text, and whether there is one. */
static tw_status read_known(tw_model *model, const reader *in)
{
    tw_json *json;
    const char *layer = model->graph->nodes[tw_model_boundary(model)].name;
    tw_status rc;

    if (!tw_json_get(in->metadata, "known") || model->graph->n != in->whole->n)
        return TW_OK;
    if ((rc = read_entry(&json, in, "known")) != TW_OK)
        return rc;
    rc = tw_known_from_json(&model->known, json, layer, in->path, in->err);
    tw_json_free(json);
    return rc;
}

/* The part that is a tensor, which is then no longer among the layers'. A cut model forgets it. */
static tw_status take_known_means(tw_model *model, const reader *in)
{
    tw_weight_file *file = &model->file;
    tw_status rc = TW_OK;
    int i = 0;

    if (!tw_json_get(in->metadata, "known"))
        return TW_OK;
    while (i < file->n_tensors && strcmp(file->tensors[i].name, TW_KNOWN_TENSOR) != 0)
        i++;
    if (i == file->n_tensors)
        return tw_fail(in->err, TW_EFILE, "%s: known: there is no tensor " TW_KNOWN_TENSOR,
                       in->path);
    if (model->graph->n == in->whole->n)
        rc = tw_known_copy_means(&model->known, &file->tensors[i].tensor, model, in->path, in->err);
    tw_weight_file_drop_tensor(file, i);
    return rc;
}

static tw_status read_precision(tw_model *model, const reader *in)
{
    tw_json *json;
    const char *name;
    tw_status rc;

    if (!tw_json_get(in->metadata, "precision"))
        return TW_OK;
    if ((rc = read_entry(&json, in, "precision")) != TW_OK)
        return rc;
    if (!tw_json_string(&name, json) || !tw_precision_parse(&model->precision, name) ||
        model->precision == TW_PRECISION_AUTO)
        rc = tw_fail(in->err, TW_EFILE,
                     "%s: \"precision\" must be one of fp32, bf16x3, bf16 and int8", in->path);
    tw_json_free(json);
    return rc;
}

/* Everything but the tensors. */
static tw_status read_model(tw_model **out, reader *in, const char *cut)
{
    tw_status rc;
    tw_graph *graph = NULL;

    if ((rc = check_version(in)) != TW_OK || (rc = read_graph(in)) != TW_OK ||
        (rc = tw_model__cut(&graph, in->whole, cut, in->err)) != TW_OK ||
        (rc = tw_model__create(out, graph, in->err)) != TW_OK ||
        (rc = read_contract(*out, in)) != TW_OK || (rc = read_classes(*out, in)) != TW_OK ||
        (rc = read_frozen(*out, in)) != TW_OK || (rc = read_provenance(*out, in)) != TW_OK ||
        (rc = read_calibration(*out, in)) != TW_OK || (rc = read_known(*out, in)) != TW_OK ||
        (rc = read_precision(*out, in)) != TW_OK)
        return rc;
    return read_hash(*out, in);
}

tw_status tw_model__open_file(tw_model **out, const char *path, const char *cut, tw_error *err)
{
    tw_status rc;
    tw_weight_file file = {0};
    tw_model *model = NULL;
    reader in = {.path = path, .err = err};

    *out = NULL;
    if ((rc = tw_weight_file_open(&file, path, err)) != TW_OK)
        return rc;
    if (file.metadata && (rc = tw_json_parse(&in.metadata, file.metadata, strlen(file.metadata),
                                             path, err)) != TW_OK)
        goto done;
    if ((rc = read_model(&model, &in, cut)) != TW_OK)
        goto done;
    model->file = file;
    file = (tw_weight_file){0}; /* ownership moved to model */
    if ((rc = take_known_means(model, &in)) != TW_OK ||
        (rc = tw_model__bind(model, in.whole, false, err)) != TW_OK)
        goto done;
    *out = model;
    model = NULL; /* ownership moved to *out */
done:
    tw_model_free(model);
    tw_graph_free(in.whole);
    tw_json_free(in.metadata);
    tw_weight_file_close(&file);
    return rc;
}
