/*
 * Names for the classes of a network that came without: ImageNet's 1,000, as Keras publishes them,
 * {"0": ["n01440764", "tench"], ...}. A class is called "n01440764 tench", which is what Keras's
 * decode_predictions says of it.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"

#include <tw/fetch.h>

#include <stdio.h>

enum { MAX_INDEX_BYTES = 16 << 20, PATH_SIZE = 4096, IMAGENET = 1000 };
static const char index_name[] = "imagenet-classes";

/* "wnid name" of class i. Caller frees. */
static tw_status read_class(char **out, const tw_json *index, int i, const char *path,
                            tw_error *err)
{
    char key[16];
    const char *wnid, *name;
    const tw_json *entry;
    tw_text text = {0};

    snprintf(key, sizeof key, "%d", i);
    entry = tw_json_get(index, key);
    if (!tw_json_is_array(entry) || tw_json_count(entry) != 2 ||
        !tw_json_string(&wnid, tw_json_at(entry, 0)) ||
        !tw_json_string(&name, tw_json_at(entry, 1)))
        return tw_fail(err, TW_EFILE, "%s: class %d must be [\"wnid\", \"name\"]", path, i);
    tw_text_add(&text, "%s %s", wnid, name);
    if (text.failed) {
        tw_text_free(&text);
        return tw_fail(err, TW_ENOMEM, "no memory for a class name");
    }
    *out = text.text;
    return TW_OK;
}

/* Class i is called "i". */
static tw_status number_class(char **out, int i, tw_error *err)
{
    char text[16];

    snprintf(text, sizeof text, "%d", i);
    return (*out = tw_strdup(text)) ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for a class name");
}

/* From the index, or numbers where it is NULL. */
static tw_status fill_classes(tw_model *model, const tw_json *index, int n, const char *path,
                              tw_error *err)
{
    tw_status rc = TW_OK;

    if (index && tw_json_count(index) != (size_t)n)
        return tw_fail(err, TW_EFILE, "%s: names %zu classes, the network has %d", path,
                       tw_json_count(index), n);
    if (!(model->classes = tw_calloc((size_t)n, sizeof *model->classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    model->n_classes = n;
    for (int i = 0; i < n && !rc; i++)
        rc = index ? read_class(&model->classes[i], index, i, path, err)
                   : number_class(&model->classes[i], i, err);
    return rc;
}

static tw_status read_index(tw_json **out, const char *path, tw_error *err)
{
    char *text;
    size_t n;
    tw_status rc = tw_file_read(&text, &n, path, MAX_INDEX_BYTES, err);

    *out = NULL;
    if (rc)
        return rc;
    rc = tw_json_parse(out, text, n, path, err);
    tw_free(text);
    if (!rc && !tw_json_is_object(*out)) {
        tw_json_free(*out);
        *out = NULL;
        rc = tw_fail(err, TW_EFILE, "%s: must be an object {\"0\": [\"wnid\", \"name\"], ...}",
                     path);
    }
    return rc;
}

/* Where the fetched index lies; *found is false where it was not fetched. */
static tw_status find_index(char *path, size_t path_size, bool *found, tw_error *err)
{
    tw_fetch_state state;
    tw_status rc = tw_fetch_look(&state, index_name, err);

    *found = !rc && state != TW_FETCH_ABSENT;
    return rc || !*found ? rc : tw_fetch_path(path, path_size, index_name, err);
}

tw_status tw_model_name_classes(int *named, tw_model *model, const char *file, tw_error *err)
{
    const tw_node *last = &model->graph->nodes[model->graph->n - 1];
    char fetched[PATH_SIZE];
    bool found = file != NULL;
    tw_json *index = NULL;
    tw_status rc;
    int n;

    *named = 1;
    if (model->n_classes > 0 && !file)
        return TW_OK;
    if (last->out.rank != 1 || last->out.dims[0] > MAX_INDEX_BYTES)
        return tw_fail(err, TW_EUSAGE, "the network ends in \"%s\", which has no classes",
                       last->name);
    if (model->n_classes > 0)
        return tw_fail(err, TW_EUSAGE, "%s names its classes itself, \"%s\" cannot be given too",
                       tw_model__source(model), file);
    n = (int)last->out.dims[0];
    if (!file && n == IMAGENET && (rc = find_index(fetched, sizeof fetched, &found, err)))
        return rc;
    if (found && (rc = read_index(&index, file ? file : fetched, err)))
        return rc;
    *named = found;
    rc = fill_classes(model, index, n, file ? file : fetched, err);
    tw_json_free(index);
    return rc;
}
