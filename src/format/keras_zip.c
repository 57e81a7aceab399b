/*
 * .keras: a zip with model.weights.h5, and config.json, which is read where the weights have no
 * names of layers. Both list a model's layers in one order, so the third Conv2D of the one is the
 * third conv2d of the other; where the two do not count the same, nothing is guessed.
 */
#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/anonymous.h"
#include "format/h5_int.h"
#include "format/zip_int.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 4096, MAX_DEPTH = 16, CLASS_SIZE = 128 };

/* The layers of the weights that wait for a name, sorted; those of a class in a group are a run. */
typedef struct naming {
    tw_weight_file *out;
    tw_anonymous *layers;
    int *used; /* at the first of a run: how many of it have got their names */
    int n;
    const char *list; /* what the groups of layers are called */
    int step;         /* by how much numbers of a class rise */
    size_t n_seen;    /* layers of config.json so far */
} naming;

static bool is_of(const tw_anonymous *layer, const char *group, const char *class_name)
{
    return tw_anonymous_is_in(layer, group, strlen(group)) && tw_anonymous_is(layer, class_name);
}

/* Gives the next layer of that class in that group the name. Classes without weights have none. */
static tw_status name_layer(naming *all, const char *group, const char *class_name,
                            const char *name, tw_error *err)
{
    const int first = tw_anonymous_find(all->layers, all->n, group, class_name);
    int next;

    if (first == all->n || !is_of(&all->layers[first], group, class_name))
        return TW_OK;
    next = first + all->used[first]++;
    if (next == all->n || !is_of(&all->layers[next], group, class_name))
        return tw_fail(err, TW_EFILE, "%s: config.json has more layers of class %s than %s",
                       all->out->map.path, class_name, group);
    return tw_anonymous_name(all->out, &all->layers[next], name, err);
}

/* Every layer has got a name: then the runs are used up. */
static tw_status check_used(const naming *all, tw_error *err)
{
    for (int i = 0; i < all->n;) {
        const int first = i, used = all->used[i];
        const tw_anonymous *run = &all->layers[first];

        while (i < all->n && tw_anonymous_same(run, &all->layers[i]))
            i++;
        if (used < i - first)
            return tw_fail(err, TW_EFILE, "%s: config.json has no layer for %.*s",
                           all->out->map.path, (int)run[used].n_path, run[used].path);
    }
    return TW_OK;
}

static tw_status name_model(naming *all, const tw_json *config, const char *group, int depth,
                            tw_error *err);

/* How many of the first n layers are of the class of the one that follows. */
static int count_before(const tw_json *layers, size_t n, const char *class_name)
{
    const char *other;
    int count = 0;

    for (size_t i = 0; i < n; i++)
        if (tw_json_string(&other, tw_json_get(tw_json_at(layers, i), "class_name")))
            count += strcmp(other, class_name) == 0;
    return count;
}

/* Layer i of a model; one that is a model itself has its layers in a group below. */
static tw_status name_entry(naming *all, const tw_json *layers, size_t i, const char *group,
                            int depth, tw_error *err)
{
    const tw_json *entry = tw_json_at(layers, i), *config = tw_json_get(entry, "config");
    const char *class_name, *name;
    char snake[CLASS_SIZE];
    tw_text below = {0};
    tw_status rc;
    int number;

    if (!tw_json_string(&class_name, tw_json_get(entry, "class_name")) ||
        !tw_json_string(&name, tw_json_get(config, "name")))
        return tw_fail(err, TW_EFILE, "%s: config.json: layer %zu of %s has no class or no name",
                       all->out->map.path, i, group);
    tw_anonymous_class(snake, sizeof snake, class_name);
    if (!tw_json_is_array(tw_json_get(config, "layers")))
        return name_layer(all, group, snake, name, err);
    number = count_before(layers, i, class_name) * all->step;
    tw_text_add(&below, "%s%s", group, snake);
    if (number > 0)
        tw_text_add(&below, "_%d", number);
    tw_text_add(&below, "/%s/", all->list);
    rc = below.failed
             ? tw_fail(err, TW_ENOMEM, "no memory for the layers of %s", all->out->map.path)
             : name_model(all, config, below.text, depth + 1, err);
    tw_text_free(&below);
    return rc;
}

static tw_status name_model(naming *all, const tw_json *config, const char *group, int depth,
                            tw_error *err)
{
    const tw_json *layers = tw_json_get(config, "layers");
    const size_t n = tw_json_count(layers);
    tw_status rc = TW_OK;

    if (!tw_json_is_array(layers))
        return tw_fail(err, TW_EFILE, "%s: config.json: no list of layers for %s",
                       all->out->map.path, group);
    if (n > MAX_LAYERS - all->n_seen || depth > MAX_DEPTH)
        return tw_fail(err, TW_EFILE, "%s: config.json: more than %d layers, or models %d deep",
                       all->out->map.path, MAX_LAYERS, MAX_DEPTH);
    all->n_seen += n;
    for (size_t i = 0; i < n && rc == TW_OK; i++)
        rc = name_entry(all, layers, i, group, depth, err);
    return rc;
}

static tw_status name_all(naming *all, const tw_json *json, tw_error *err)
{
    char group[64];
    tw_status rc;

    snprintf(group, sizeof group, "%s/", all->list);
    if ((rc = name_model(all, tw_json_get(json, "config"), group, 0, err)))
        return rc;
    if ((rc = check_used(all, err)))
        return rc;
    all->out->anonymous = false;
    return TW_OK;
}

/* Names the layers as config.json (n bytes) does. */
static tw_status take_names(tw_weight_file *out, const uint8_t *config, int64_t n, tw_error *err)
{
    static const char old[] = "_layer_checkpoint_dependencies"; /* TensorFlow 2.13: counts twice */
    naming all = {.out = out};
    tw_json *json = NULL;
    tw_text name = {0};
    tw_status rc = TW_OK;

    tw_text_add(&name, "%s:config.json", out->map.path);
    if (name.failed || (rc = tw_anonymous_list(&all.layers, &all.n, out, err)) ||
        !(all.used = tw_calloc((size_t)all.n + 1, sizeof *all.used))) {
        rc = rc ? rc : tw_fail(err, TW_ENOMEM, "no memory for the layers of %s", out->map.path);
        goto done;
    }
    all.list = strncmp(all.layers[0].path, old, sizeof old - 1) == 0 ? old : "layers";
    all.step = all.list == old ? 2 : 1;
    if (!(rc = tw_json_parse_small(&json, (const char *)config, (size_t)n, name.text, err)))
        rc = name_all(&all, json, err);
done:
    tw_json_free(json);
    tw_text_free(&name);
    tw_free(all.used);
    tw_free(all.layers);
    return rc;
}

static tw_status read_bytes(const uint8_t **bytes, tw_weight_file *out,
                            const tw_format__archive *archive, const tw_format__member *member,
                            tw_text *name, tw_error *err)
{
    tw_text_add(name, "%s:%.*s", out->map.path, (int)member->name_n, member->name);
    if (name->failed)
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", out->map.path);
    return tw_format__archive_bytes(bytes, out, archive, member, name->text, err);
}

tw_status tw_format__keras_read(tw_weight_file *out, const tw_format__archive *archive,
                                tw_error *err)
{
    const tw_format__member *weights = tw_format__archive_find(archive, "model.weights.h5");
    const tw_format__member *config = tw_format__archive_find(archive, "config.json");
    const uint8_t *bytes;
    tw_text name = {0}, config_name = {0};
    tw_status rc = read_bytes(&bytes, out, archive, weights, &name, err);

    if (!rc)
        rc = tw_format__h5_read(out, bytes, (uint64_t)weights->n_bytes, name.text, err);
    out->kind = TW_WEIGHTS_KERAS_ZIP;
    if (!rc && out->anonymous && config &&
        !(rc = read_bytes(&bytes, out, archive, config, &config_name, err)))
        rc = take_names(out, bytes, config->n_bytes, err);
    tw_text_free(&name);
    tw_text_free(&config_name);
    return rc;
}
