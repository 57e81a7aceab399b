/*
 * Undoing a stated layout; see layout.h. Whatever the file says is checked against the tensor that
 * it says it of: the same count of numbers, so a block is never larger than what the file holds.
 */
#include "format/layout.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

/* ---- writing */

tw_json *tw_layout_to_json(const char *name, const tw_shape *shape, const tw_axes *axes)
{
    tw_json *o = tw_json_new_object();
    int64_t order[TW_MAX_AXES];
    bool ok = tw_json_set(o, "name", tw_json_new_string(name));

    for (int i = 0; axes && i < axes->rank; i++)
        order[i] = axes->order[i];
    if (axes)
        ok = ok && tw_json_set(o, "shape", tw_json_new_i64s(shape->dims, shape->rank)) &&
             tw_json_set(o, "dims", tw_json_new_i64s(axes->dims, axes->rank)) &&
             tw_json_set(o, "order", tw_json_new_i64s(order, axes->rank));
    if (ok)
        return o;
    tw_json_free(o);
    return NULL;
}

/* ---- reading */

/* One tensor of the file and what the layout says of it. */
typedef struct undoing {
    tw_weight_file *file;
    tw_named_tensor *tensor;
    const tw_json *object;
    tw_error *err;
} undoing;

static tw_status bad(const undoing *u, const char *what)
{
    return tw_fail(u->err, TW_EFILE, "%s: layout of %s: %s", u->file->map.path, u->tensor->name,
                   what);
}

static bool read_numbers(int64_t out[TW_MAX_AXES], int *n, const tw_json *array)
{
    *n = (int)tw_json_count(array);
    if (!tw_json_is_array(array) || tw_json_count(array) > TW_MAX_AXES)
        return false;
    for (int i = 0; i < *n; i++)
        if (!tw_json_i64(&out[i], tw_json_at(array, (size_t)i)))
            return false;
    return true;
}

static tw_status read_axes(tw_axes *axes, tw_shape *shape, const undoing *u)
{
    const tw_json *o = u->object;
    int64_t order[TW_MAX_AXES];
    int n;

    *axes = (tw_axes){0};
    *shape = (tw_shape){0};
    if (!read_numbers(axes->dims, &axes->rank, tw_json_get(o, "dims")) ||
        !read_numbers(order, &n, tw_json_get(o, "order")) ||
        !read_numbers(shape->dims, &shape->rank, tw_json_get(o, "shape")))
        return bad(u, "shape, dims and order must be arrays of at most 4 integers");
    for (int i = 0; i < n; i++)
        axes->order[i] = order[i] < 0 || order[i] >= TW_MAX_AXES ? -1 : (int)order[i];
    if (n != axes->rank || !tw_axes_valid(axes))
        return bad(u, "order must name each axis of dims once, and no side may be below 1");
    return TW_OK;
}

/* As many numbers as the tensor has, by dims and by shape alike. */
static tw_status check_counts(const tw_axes *axes, const tw_shape *shape, const undoing *u)
{
    const tw_shape whole = tw_shape_make(axes->rank, axes->dims);
    int64_t n, n_shape;

    if (u->tensor->tensor.dtype != TW_F32)
        return bad(u, "only F32 can be put in another order");
    if (!tw_shape_count(&n, &whole) || !tw_shape_count(&n_shape, shape) ||
        n != tw_shape_size(&u->tensor->tensor.shape) || n != n_shape)
        return bad(u, "not as many numbers as the tensor has");
    return TW_OK;
}

static tw_status undo_order(const undoing *u)
{
    tw_status rc;
    tw_axes axes, back;
    tw_shape shape;
    int64_t n = tw_shape_size(&u->tensor->tensor.shape);
    void *block;

    if ((rc = read_axes(&axes, &shape, u)) || (rc = check_counts(&axes, &shape, u)) ||
        (rc = tw_weight_file_add_block(&block, u->file, (size_t)n * sizeof(float), u->err)))
        return rc;
    back = tw_axes_inverse(&axes);
    tw_axes_permute(block, u->tensor->tensor.data, &back, 0, n);
    if (!u->file->map.borrowed)
        tw_map_release(u->tensor->tensor.data, (size_t)n * sizeof(float));
    u->tensor->tensor.data = block;
    u->tensor->tensor.shape = shape;
    return TW_OK;
}

static tw_status rename_tensor(const undoing *u, const char *name)
{
    const char *slash = strrchr(name, '/');
    char *copy = tw_strdup(name), *layer = tw_strdup(slash ? name : "");

    if (!copy || !layer) {
        tw_free(copy);
        tw_free(layer);
        return tw_fail(u->err, TW_ENOMEM, "no memory for the names in %s", u->file->map.path);
    }
    if (slash)
        layer[slash - name] = '\0';
    tw_free(u->tensor->name);
    tw_free(u->tensor->layer);
    u->tensor->name = copy;
    u->tensor->layer = layer;
    return TW_OK;
}

static tw_status undo_tensor(const undoing *u)
{
    tw_status rc;
    const char *name;

    if (!tw_json_is_object(u->object) || !tw_json_string(&name, tw_json_get(u->object, "name")))
        return bad(u, "must be an object with a name");
    if (tw_json_count(u->object) > 1 && (rc = undo_order(u)))
        return rc;
    return rename_tensor(u, name);
}

static tw_status undo_all(tw_weight_file *file, const tw_json *layout, tw_error *err)
{
    tw_status rc = TW_OK;

    if (!tw_json_is_object(layout))
        return tw_fail(err, TW_EFILE, "%s: layout must be an object", file->map.path);
    for (int i = 0; i < file->n_tensors && rc == TW_OK; i++) {
        undoing u = {file, &file->tensors[i], tw_json_get(layout, file->tensors[i].name), err};
        if (u.object)
            rc = undo_tensor(&u);
    }
    return rc;
}

tw_status tw_layout_undo(tw_weight_file *file, tw_error *err)
{
    tw_status rc;
    tw_json *metadata = NULL, *layout = NULL;
    const char *text;

    if (!file->metadata)
        return TW_OK;
    if ((rc = tw_json_parse(&metadata, file->metadata, strlen(file->metadata), file->map.path,
                            err)) ||
        !tw_json_string(&text, tw_json_get(metadata, "layout")))
        goto done;
    if (!(rc = tw_json_parse_small(&layout, text, strlen(text), file->map.path, err)))
        rc = undo_all(file, layout, err);
done:
    tw_json_free(layout);
    tw_json_free(metadata);
    return rc;
}
