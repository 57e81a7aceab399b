/*
 * Keras 3's .weights.h5: no lists of names, but groups that follow the model's attributes,
 *
 *     layers/<class>/vars/<i>              layers/functional/layers/<class_2>/vars/<i>
 *
 * where <class> is the layer's class in snake case, numbered. Newer versions keep the layer's own
 * name as the attribute `name` of vars; without it tensors get the class for a layer and the file
 * is `anonymous`. State that is nobody's weight is passed over: optimizers, metrics, the seeds of
 * random layers. A group that holds itself runs into the limit of depth or runs out of room.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/h5_int.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_SLOT_DIGITS = 6, MAX_PATH = 1024 };

typedef struct walker {
    tw_weight_file *out;
    const tw_h5_file *file;
    char named[128], unnamed[128]; /* a group of each sort, as far as there is one */
} walker;

static bool is_state(const char *name)
{
    return strcmp(name, "optimizer") == 0 || strcmp(name, "metrics") == 0 ||
           strcmp(name, "seed_generator") == 0;
}

/* "0", "1", ... -> slot; false for anything else. */
static bool read_slot(int *out, const char *name)
{
    const size_t n = strlen(name);

    *out = 0;
    if (n == 0 || n > MAX_SLOT_DIGITS || (name[0] == '0' && n > 1) ||
        strspn(name, "0123456789") != n)
        return false;
    for (; *name; name++)
        *out = 10 * *out + (*name - '0');
    return true;
}

/* Joined path of a member, to be freed; the root's members have no slash. */
static tw_status join(tw_text *out, const walker *w, const char *path, const char *name,
                      tw_error *err)
{
    *out = (tw_text){0};
    if (strlen(path) + strlen(name) > MAX_PATH)
        return tw_fail(err, TW_EFILE, "%s: %s: a path of more than %d letters", w->file->path, path,
                       MAX_PATH);
    tw_text_add(out, "%s%s%s", path, *path ? "/" : "", name);
    return out->failed ? tw_fail(err, TW_ENOMEM, "no memory for the names in %s", w->file->path)
                       : TW_OK;
}

/* The layer's own name, allocated; NULL where Keras wrote none. */
static tw_status read_layer_name(char **out, const walker *w, uint64_t vars, const char *path,
                                 tw_error *err)
{
    tw_h5_attribute attribute;
    tw_status rc = tw_format__h5_attribute(&attribute, w->file, vars, path, "name", err);

    *out = NULL;
    if (rc || !attribute.found)
        return rc;
    if (attribute.n_items != 1)
        return tw_fail(err, TW_EFILE, "%s: %s: its name is %llu strings, not one", w->file->path,
                       path, (unsigned long long)attribute.n_items);
    return tw_format__h5_string(out, w->file, &attribute, 0, path, err);
}

static tw_status add_variable(walker *w, const tw_h5_member *member, const char *path,
                              const char *layer, tw_error *err)
{
    tw_text name;
    tw_h5_object dataset;
    tw_h5_place whose = {.layer = layer};
    tw_status rc = join(&name, w, path, member->name, err);

    if (rc)
        goto done;
    if (!read_slot(&whose.slot, member->name)) {
        rc = tw_fail(err, TW_EFILE, "%s: %s: a variable that is not numbered", w->file->path,
                     name.text);
        goto done;
    }
    if ((rc = tw_format__h5_object(&dataset, w->file, member->header, name.text, err)))
        goto done;
    if (!dataset.is_dataset) {
        rc = tw_fail(err, TW_EFILE, "%s: %s: not a dataset", w->file->path, name.text);
        goto done;
    }
    whose.n_layer = strlen(layer);
    rc = tw_format__h5_add(w->out, w->file, &dataset, &whose, name.text, err);
done:
    tw_text_free(&name);
    return rc;
}

/* The variables of the layer `owner` (a path), whose group vars has this header. */
static tw_status read_vars(walker *w, uint64_t header, const char *owner, const char *path,
                           tw_error *err)
{
    const char *slash = strrchr(owner, '/');
    const char *layer = slash ? slash + 1 : owner;
    tw_h5_members members = {0};
    tw_h5_object group;
    char *own = NULL;
    tw_status rc = tw_format__h5_object(&group, w->file, header, path, err);

    if (rc || (rc = tw_format__h5_list(&members, w->file, &group, path, err)) || members.n == 0 ||
        (rc = read_layer_name(&own, w, header, path, err)))
        goto done;
    if (own)
        layer = own;
    snprintf(own ? w->named : w->unnamed, sizeof w->named, "%s", path);
    for (size_t i = 0; i < members.n && rc == TW_OK; i++)
        rc = add_variable(w, &members.items[i], path, layer, err);
done:
    tw_format__h5_free_members(&members);
    tw_free(own);
    return rc;
}

static tw_status walk_group(walker *w, uint64_t header, const char *path, int depth, tw_error *err);

static tw_status walk_member(walker *w, const tw_h5_member *member, const char *path, int depth,
                             tw_error *err)
{
    tw_text below;
    tw_status rc;

    if (is_state(member->name))
        return TW_OK;
    if ((rc = join(&below, w, path, member->name, err)) == TW_OK)
        rc = strcmp(member->name, "vars") == 0
                 ? read_vars(w, member->header, path, below.text, err)
                 : walk_group(w, member->header, below.text, depth + 1, err);
    tw_text_free(&below);
    return rc;
}

static tw_status walk_group(walker *w, uint64_t header, const char *path, int depth, tw_error *err)
{
    const char *object = *path ? path : "root group";
    tw_h5_members members = {0};
    tw_h5_object group;
    tw_status rc;

    if (depth > MAX_DEPTH)
        return tw_fail(err, TW_EFILE, "%s: groups more than %d deep", w->file->path, MAX_DEPTH);
    if ((rc = tw_format__h5_object(&group, w->file, header, object, err)) ||
        (rc = tw_format__h5_list(&members, w->file, &group, object, err)))
        goto done;
    for (size_t i = 0; i < members.n && rc == TW_OK; i++)
        rc = walk_member(w, &members.items[i], path, depth, err);
done:
    tw_format__h5_free_members(&members);
    return rc;
}

tw_status tw_format__h5_walk(tw_weight_file *out, const tw_h5_file *file, uint64_t root,
                             tw_error *err)
{
    walker w = {.out = out, .file = file};
    tw_status rc = walk_group(&w, root, "", 0, err);

    out->kind = TW_WEIGHTS_KERAS_3;
    if (rc)
        return rc;
    if (out->n_tensors == 0)
        return tw_fail(err, TW_EFILE, "%s: no weights in it", file->path);
    if (w.named[0] && w.unnamed[0])
        return tw_fail(err, TW_EFILE, "%s: %s has no name, but %s has one", file->path, w.unnamed,
                       w.named);
    out->anonymous = w.unnamed[0] != '\0';
    return TW_OK;
}
